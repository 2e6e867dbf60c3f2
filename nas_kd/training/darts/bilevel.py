"""One step of a search: the architecture parameters, then the weights."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional as F

from nas_kd.distill import Outputs
from nas_kd.training.darts.batch_statistics import batch_statistics
from nas_kd.training.darts.expected_cost import ExpectedCost
from nas_kd.training.darts.network import SearchNetwork, run
from nas_kd.training.darts.optimisation import alphas_optimizer, weights_optimizer
from nas_kd.training.darts.order import ORDERS, Bilevel
from nas_kd.training.darts.perturbation import PERTURBATIONS
from nas_kd.training.darts.regularisation import auxiliary_skip, beta_decay
from nas_kd.training.darts.settings import SearchSettings
from nas_kd.training.evaluate import eval_mode
from nas_kd.training.teacher_grid import Batch, TeacherGrid
from search_spaces.supernets import Mixture


class Shell(nn.Module):
    """The network as accelerate sees it, which is to see no alphas: last map and logits."""

    def __init__(self, network: SearchNetwork) -> None:
        super().__init__()
        self.supernet = network.supernet

    def forward(self, images: Tensor, mixture: Mixture) -> tuple[Tensor, Tensor]:
        outputs = run(self.supernet, images, mixture)
        return outputs.features[0], outputs.logits


class BilevelStep:
    """Both steps, with all parts that the settings name.

    Args:
        network: What is trained.
        settings: The parts.
        teachers: Teach the steps that the settings say.
        cost: Charged in the steps of alpha; None charges nothing.
        free: The share of the costliest cells' cost up to which nothing is charged.
        accelerator: The device and the processes.

    Attributes:
        weights_optimizer: SGD.
        alphas_optimizer: Adam.
    """

    def __init__(
        self,
        network: SearchNetwork,
        settings: SearchSettings,
        teachers: TeacherGrid,
        cost: ExpectedCost | None,
        free: float,
        accelerator: Accelerator,
    ) -> None:
        self._network, self._settings, self._teachers = network, settings, teachers
        self._accelerator = accelerator
        self._gradient = ORDERS[settings.order]
        self._perturb = PERTURBATIONS[settings.perturbation]
        self._cost, self._free = cost, free
        self._alphas = list(network.alphas.parameters())
        self.alphas_optimizer = alphas_optimizer(self._alphas, settings)
        self.weights_optimizer = weights_optimizer(network.supernet.parameters(), settings)
        self._shell, self._prepared = accelerator.prepare(Shell(network), self.weights_optimizer)

    def reach(self, epochs: float) -> None:
        """Told before a step, and after an epoch, how many epochs are over."""
        self._network.fade(auxiliary_skip(self._settings.auxiliary_skip, self._share(epochs)))

    def alphas(self, train: Batch, validation: Batch, epochs: float, seed: int) -> Tensor:
        """Trains the architecture parameters on held-out images.

        Args:
            train: For the second order.
            validation: The held-out images.
            epochs: How many are over.
            seed: Of everything drawn in this step.

        Returns:
            Their cross-entropy, detached.
        """
        said: list[Tensor] = []

        def outer() -> Tensor:
            mixture = self._sampled(epochs, seed)
            outputs = self._outputs(validation.images, mixture)
            said.append(F.cross_entropy(outputs.logits, validation.targets))
            taught = self._teachers.loss("alpha", validation, outputs, epochs)
            loss = said[-1] + self._regularisers(mixture, epochs)
            return loss if taught is None else loss + taught

        def inner() -> Tensor:
            mixture = self._sampled(epochs, seed)
            outputs = self._outputs(train.images, mixture)
            loss = F.cross_entropy(outputs.logits, train.targets)
            taught = self._teachers.loss("w", train, outputs, epochs)
            return loss if taught is None else loss + taught

        problem = Bilevel(
            list(self._network.supernet.parameters()),
            self._alphas,
            outer,
            inner,
            self.weights_optimizer,
            list(self._network.supernet.buffers()),
        )
        _, slopes = self._gradient(problem)
        for alpha, slope in zip(self._alphas, slopes, strict=True):
            alpha.grad = self._accelerator.reduce(slope, reduction="mean")
        self.alphas_optimizer.step()
        return said[0].detach()

    @torch.no_grad()
    def held_out_loss(self, validation: Batch, epochs: float, seed: int) -> Tensor:
        """The cross-entropy that `alphas` would tell, without training anything.

        Args:
            validation: The held-out images.
            epochs: How many are over.
            seed: Of everything drawn.
        """
        with batch_statistics(self._network):
            outputs = self._outputs(validation.images, self._sampled(epochs, seed))
        return F.cross_entropy(outputs.logits, validation.targets)

    def weights(
        self, train: Batch, mixture: Mixture, validation_loss: Tensor | None, epochs: float
    ) -> dict[str, Tensor]:
        """Trains the weights; the parts of the loss by name, detached.

        Args:
            train: Images with their labels.
            mixture: What is run, without gradients.
            validation_loss: The loss on held-out images; for None, where no vote looks at it, the
                training loss stands in.
            epochs: How many are over.
        """
        last_map, logits = self._shell(train.images, mixture)
        outputs = Outputs(logits.float(), (last_map,))
        loss = F.cross_entropy(outputs.logits, train.targets)
        parts = {"train_loss": loss.detach()}
        taught = self._teachers.loss("w", train, outputs, epochs)
        if taught is not None:
            parts["teacher_loss"] = taught.detach()
            loss = loss + taught
        self._prepared.zero_grad()
        self._accelerator.backward(loss)
        if self._settings.gradient_clip is not None:
            self._accelerator.clip_grad_norm_(
                self._shell.parameters(), self._settings.gradient_clip
            )
        self._prepared.step()
        judged = parts["train_loss"] if validation_loss is None else validation_loss
        judged = self._accelerator.reduce(judged, reduction="mean")
        self._teachers.after_step(train, outputs, judged)
        return parts

    def mixture(self, train: Batch, epochs: float, seed: int) -> Mixture:
        """What a step of the weights runs, without gradients; the same for the same seed.

        Weights of operations are disturbed first: what is decided stands.
        """

        def loss_of(there: Mixture) -> Tensor:
            with eval_mode(self._network):
                logits = self._outputs(train.images, self._network.decided(there)).logits
            return F.cross_entropy(logits, train.targets)

        with torch.no_grad():
            sampled = self._sampled(epochs, seed)
        generator = torch.Generator().manual_seed(seed + 1)
        disturbed = self._perturb(sampled, self._share(epochs), loss_of, generator)
        return self._network.decided(disturbed)

    def _sampled(self, epochs: float, seed: int) -> Mixture:
        """The mixture of one step, with gradients; the same for the same seed."""
        generator = torch.Generator().manual_seed(seed)
        return self._network.sampled(self._share(epochs), generator)

    def _regularisers(self, mixture: Mixture, epochs: float) -> Tensor:
        settings, total = self._settings, torch.zeros((), device=self._accelerator.device)
        if settings.beta_slope:
            total = total + epochs * settings.beta_slope * beta_decay(self._network.alphas)
        if self._cost is not None:
            penalty = self._cost.penalty(mixture, self._free)
            total = total + settings.cost_weight * penalty
        return total

    def _outputs(self, images: Tensor, mixture: Mixture) -> Outputs:
        with self._accelerator.autocast():
            outputs = self._network.outputs(images, mixture)
        return outputs.in_float32()

    def _share(self, epochs: float) -> float:
        return min(1.0, epochs / self._settings.epochs)
