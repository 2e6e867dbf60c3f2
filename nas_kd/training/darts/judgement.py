"""What is measured of a supernet after an epoch."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn import functional as F

from nas_kd.data import Images
from nas_kd.training.darts.batch_statistics import batch_statistics
from nas_kd.training.darts.eigenvalue import hessian_product, largest_eigenvalue
from nas_kd.training.darts.expected_cost import ExpectedCost
from nas_kd.training.darts.found_cell import skip_count
from nas_kd.training.darts.mixture_facts import entropy, margin
from nas_kd.training.darts.network import SearchNetwork
from nas_kd.training.darts.recalibration import accuracy
from nas_kd.training.darts.sharpness import loss_rise
from nas_kd.training.processes import first_says
from search_spaces import Arch
from search_spaces.supernets import Mixture

_BATCH = 128


class Judge:
    """Measures on the same validation images after every epoch.

    Args:
        network: What is judged; it is left as it was.
        images: Validation images.
        batches: Over which batch-norm statistics are re-estimated, images ``(B, C, H, W)``.
        accelerator: The processes, which believe the first one: what they measure decides how they
            go on, and rounding must not part them.
        cost: What is charged, if anything.
    """

    def __init__(
        self,
        network: SearchNetwork,
        images: Images,
        batches: list[Tensor],
        accelerator: Accelerator,
        cost: ExpectedCost | None = None,
    ) -> None:
        self._network, self._images, self._batches = network, images, batches
        self._accelerator, self._cost = accelerator, cost

    def accuracy(self, mixture: Mixture) -> float:
        """Of a mixture, its batch-norm statistics re-estimated."""
        found = accuracy(self._network.supernet, mixture, self._images, self._batches)
        return first_says((found,), self._accelerator)[0]

    def facts(self, arch: Arch, radius: float) -> dict[str, float]:
        """Of the supernet as it is, and of a cell with its weights.

        The discretisation gap is what the accuracy loses between the two. ``sharpness`` is the rise
        of the loss on validation images, with batch statistics. Where cells have a price, what the
        supernet is expected to cost and what the cell costs are shares of the costliest cell's.

        Args:
            arch: The cell.
            radius: Of the step along which the loss rises.
        """
        supernet = self._network.supernet
        with torch.no_grad():
            mixture = self._network.expected()
        decoded = supernet.mixture_of(arch)
        whole, cell = (self.accuracy(choice) for choice in (mixture, decoded))
        weights = list(supernet.parameters())
        with batch_statistics(self._network):
            rise = loss_rise(lambda: self._loss(mixture), weights, radius)
        return {
            "supernet_accuracy": whole,
            "cell_accuracy": cell,
            "discretisation_gap": whole - cell,
            "skips": float(skip_count(arch)),
            "alpha_entropy": entropy(mixture),
            "alpha_margin": margin(mixture),
            "sharpness": rise,
        } | self._costs(mixture, decoded)

    def eigenvalue(self, seed: int) -> float:
        """The dominant eigenvalue of the Hessian of the validation loss with respect to alpha.

        Along what is decided the loss is flat.
        """
        alphas = list(self._network.alphas.parameters())
        with batch_statistics(self._network):
            loss = self._loss(self._network.expected())
            product = hessian_product(loss, alphas)
            size = sum(alpha.numel() for alpha in alphas)
            found = largest_eigenvalue(product, size, torch.Generator().manual_seed(seed))
        return first_says((found,), self._accelerator)[0]

    def _costs(self, mixture: Mixture, decoded: Mixture) -> dict[str, float]:
        if self._cost is None:
            return {}
        return {
            "expected_cost": float(self._cost(mixture)),
            "cell_cost": float(self._cost(decoded)),
        }

    def _loss(self, mixture: Mixture) -> Tensor:
        images, targets = self._images.batch(torch.arange(min(_BATCH, len(self._images))))
        device = next(self._network.parameters()).device
        logits = self._network.outputs(images.to(device), mixture).logits
        return F.cross_entropy(logits, targets.to(device))
