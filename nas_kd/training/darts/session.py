"""One differentiable search in progress."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from nas_kd.data import load_data
from nas_kd.errors import NasKdError
from nas_kd.training.batches import mixed_seed
from nas_kd.training.darts.alphas import Alphas
from nas_kd.training.darts.bilevel import BilevelStep
from nas_kd.training.darts.cost_table import cost_table
from nas_kd.training.darts.expected_cost import ExpectedCost
from nas_kd.training.darts.halves import Halves
from nas_kd.training.darts.judgement import Judge
from nas_kd.training.darts.network import SearchNetwork
from nas_kd.training.darts.projection import Projection
from nas_kd.training.darts.regularisation import sharpening_began
from nas_kd.training.darts.relaxation import RELAXATIONS
from nas_kd.training.darts.settings import SearchSettings
from nas_kd.training.darts.supernets import make_supernet
from nas_kd.training.darts.teachers import make_teachers
from nas_kd.training.processes import means, same_buffers
from nas_kd.training.teacher_grid import Batch
from search_spaces import Arch, Task
from search_spaces.supernets import Mixture

if TYPE_CHECKING:  # the registry of methods imports this package
    from nas_kd.training.pretraining import Job

WEIGHTS = "supernet.safetensors"
_TUNING = 10
"""The published learning rate of tuning is this part of the first one."""


class SearchSession:
    """Epochs of bilevel training, and with selection by perturbation the decisions after them.

    A unit is an epoch, or a decision with its epochs of tuning. Everything random restarts every
    epoch from the seed, the epoch and the process.
    """

    def __init__(self, job: Job) -> None:
        settings: SearchSettings = job.settings
        self._settings, self._seed = settings, job.seed
        data = load_data(job.data, seed=job.seed, image_size=job.image_size)
        self._halves = Halves(data, settings, job.seed, job.accelerator)
        self._task = Task(data.input_shape[0], data.input_shape[-1], data.num_classes)
        self._space = job.space
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(mixed_seed(job.seed))
            supernet = make_supernet(
                job.space,
                self._task,
                partial=settings.partial,
                auxiliary_skip=settings.auxiliary_skip > 0,
                keep_none=settings.keep_none,
            )
        alphas = Alphas(
            supernet.kinds,
            edge_weights=settings.partial > 1,
            generator=torch.Generator().manual_seed(mixed_seed(job.seed, 1)),
        )
        relaxation = RELAXATIONS[settings.relaxation]()
        network = SearchNetwork(supernet, alphas, relaxation, settings.auxiliary_skip)
        self.network = network.to(job.accelerator.device)
        self.teachers = make_teachers(
            job, settings, self.network, self._halves.data, steps=self._halves.steps
        )
        cost = None
        if settings.cost_weight:
            cost = ExpectedCost(cost_table(supernet, job), supernet.kinds)
        self._projection = Projection(supernet.kinds)
        self._step = BilevelStep(
            self.network, settings, self.teachers, cost, job.accelerator, self._projection.mixture
        )
        self._judge = Judge(
            self.network,
            self._halves.judged(settings.judged_images),
            self._halves.recalibration(),
            job.accelerator,
            cost,
        )
        self._accelerator = job.accelerator
        self._units = self._epochs = 0
        self._eigenvalues: list[float] = []
        self._archs: list[str] = []
        self._went_back_to: int | None = None
        self._best = ""

    @property
    def total(self) -> int:
        if self._went_back_to is not None:
            return self._units
        by_perturbation = self._settings.selection == "perturbation"
        return self._settings.epochs + by_perturbation * self._projection.decisions

    def run_unit(self) -> Mapping[str, float]:
        if self._units < self._settings.epochs:
            metrics = self._epoch()
        else:
            generator = torch.Generator().manual_seed(mixed_seed(self._seed, self._units, 2))
            expected = self.network.expected()
            self._projection.decide(expected, self._judge.accuracy, generator)
            metrics = {}
            for _ in range(self._settings.selection_epochs):
                metrics = self._epoch()
        self._units += 1
        return metrics | self._judged()

    def batches(self) -> Iterator[tuple[Batch, Batch]]:
        """The pairs of the epoch that comes: images for the weights, images for alpha."""
        return self._halves.epoch(self._epochs)

    def step(self, number: int, train: Batch, held_out: Batch) -> dict[str, Tensor]:
        """One step of alpha and one of the weights; the losses by name, detached.

        Args:
            number: Of the step in the epoch.
            train: Images for the weights.
            held_out: Images for alpha.
        """
        epochs = self._epochs + number / self._halves.steps
        seed = mixed_seed(self._seed, self._epochs, number, self._accelerator.process_index, 3)
        self._step.reach(epochs)
        loss = None
        if self._settings.alpha_start <= min(self._epochs, self._settings.epochs - 1):
            loss = self._step.alphas(train, held_out, epochs, seed)
        mixture = self._step.mixture(train, epochs, seed + 1)
        parts = self._step.weights(train, mixture, loss, epochs)
        return parts if loss is None else {**parts, "validation_loss": loss}

    def best(self) -> str:
        return self._best

    @property
    def arch(self) -> Arch:
        """The cell that the search leans to; after an early stop, the one it went back to."""
        if self._went_back_to is not None:
            return Arch.from_json(self._archs[self._went_back_to - 1])
        found: Arch = self.network.supernet.discretise(self._mixture())
        return found

    def state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "weights_optimizer": self._step.weights_optimizer.state_dict(),
            "alphas_optimizer": self._step.alphas_optimizer.state_dict(),
            "teachers": self.teachers.state(),
            "projection": self._projection.state(),
            "units": self._units,
            "epochs": self._epochs,
            "eigenvalues": self._eigenvalues,
            "archs": self._archs,
            "went_back_to": self._went_back_to,
            "best": self._best,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self._step.weights_optimizer.load_state_dict(state["weights_optimizer"])
        self._step.alphas_optimizer.load_state_dict(state["alphas_optimizer"])
        self.teachers.load(state["teachers"])
        self._projection.load(state["projection"])
        self._units, self._epochs = state["units"], state["epochs"]
        self._eigenvalues, self._archs = list(state["eigenvalues"]), list(state["archs"])
        self._went_back_to, self._best = state["went_back_to"], state["best"]

    def save(self, folder: Path) -> dict[str, Any]:
        tensors = {
            name: value.detach().cpu().contiguous()
            for name, value in self.network.state_dict().items()
        }
        save_file(tensors, folder / WEIGHTS)
        arch = self.arch
        return {
            "weights": WEIGHTS,
            "arch": dict(arch),
            "description": self._space.describe(arch),
            "archs": self._archs,
            "task": asdict(self._task),
            "stopped_early": self._went_back_to is not None,
        }

    def _epoch(self) -> dict[str, float]:
        """Trains on all pairs of batches; means of the losses, and the learning rate."""
        self.network.train()
        rate = self._set_learning_rate()
        sums: dict[str, Tensor] = {}
        for number, pair in enumerate(self.batches()):
            for name, part in self.step(number, *pair).items():
                sums[name] = sums[name] + part if name in sums else part
        self._epochs += 1
        self._step.reach(self._epochs)
        same_buffers(self.network, self._accelerator)
        losses = {
            name: value / self._halves.steps
            for name, value in means(sums, self._accelerator).items()
        }
        self._require_finite(losses)
        return {**losses, "learning_rate": rate}

    def _judged(self) -> dict[str, float]:
        mixture, facts = self._mixture(), {}
        every = self._settings.eigenvalue_every
        if every and self._units % every == 0:
            value = self._judge.eigenvalue(mixed_seed(self._seed, self._units, 4))
            facts["alpha_eigenvalue"] = value
            self._eigenvalues.append(value)
        self._archs.append(self.network.supernet.discretise(mixture).to_json())
        if self._settings.early_stop and self._units <= self._settings.epochs:
            self._went_back_to = sharpening_began(self._eigenvalues)
        if self._units % self._settings.judge_every == 0 or self._units == self.total:
            facts |= self._judge.facts(mixture, self._settings.sharpness_radius)
            self._best = f"cell {facts['cell_accuracy']:.1%}, {facts['skips']:.0f} skips"
        return facts

    def _mixture(self) -> Mixture:
        with torch.no_grad():
            return self._projection.mixture(self.network.expected())

    def _set_learning_rate(self) -> float:
        rate = self._learning_rate()
        for group in self._step.weights_optimizer.param_groups:
            group["lr"] = rate
        return rate

    def _learning_rate(self) -> float:
        """Along a cosine; while decisions are tuned, a tenth of the first one."""
        first, last = self._settings.learning_rate, self._settings.last_learning_rate
        if self._epochs >= self._settings.epochs:
            return first / _TUNING
        share = min(1.0, self._epochs / self._settings.epochs)
        return last + (first - last) * 0.5 * (1 + math.cos(math.pi * share))

    def _require_finite(self, losses: Mapping[str, float]) -> None:
        if lost := [name for name, value in losses.items() if not math.isfinite(value)]:
            raise NasKdError(
                f"darts: {', '.join(lost)} is no longer finite in epoch {self._epochs}. Lower "
                f"learning_rate ({self._settings.learning_rate}), alpha_learning_rate or "
                "teacher_weight, or train in full precision."
            )
