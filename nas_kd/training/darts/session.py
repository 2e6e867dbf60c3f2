"""One differentiable search in progress."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nas_kd.data import load_data
from nas_kd.tensor_files import save_tensors
from nas_kd.training.batches import mixed_seed
from nas_kd.training.darts.bilevel import BilevelStep
from nas_kd.training.darts.cost_table import cost_table
from nas_kd.training.darts.course import Course
from nas_kd.training.darts.epoch_losses import EpochLosses, require_finite
from nas_kd.training.darts.expected_cost import ExpectedCost
from nas_kd.training.darts.found_cell import cell_warning, skips_by_kind
from nas_kd.training.darts.halves import Halves
from nas_kd.training.darts.judgement import Judge
from nas_kd.training.darts.macs_limit import MacsLimit
from nas_kd.training.darts.network import CellSupernet
from nas_kd.training.darts.optimisation import learning_rate
from nas_kd.training.darts.projection import Projection
from nas_kd.training.darts.settings import SearchSettings
from nas_kd.training.darts.start import initial_network
from nas_kd.training.darts.supernets import delivered_space
from nas_kd.training.darts.teachers import make_teachers
from nas_kd.training.pretraining.known_images import IMAGES, images_digest, require_its_images
from nas_kd.training.processes import same_buffers
from nas_kd.training.teacher_grid import Batch
from search_spaces import Arch, Task

if TYPE_CHECKING:  # the registry of methods imports this package
    from nas_kd.training.pretraining import Job

WEIGHTS = "supernet.safetensors"


class SearchSession:
    """Epochs of bilevel training, and with selection by perturbation the decisions after them.

    A unit is an epoch, or a decision with its epochs of tuning. Everything random restarts every
    epoch from the seed, the epoch and the process.
    """

    def __init__(self, job: Job) -> None:
        settings: SearchSettings = job.settings
        self._settings, self._seed, self._data = settings, job.seed, job.data
        data = load_data(job.data, seed=job.seed, image_size=job.image_size)
        self._halves = Halves(data, settings, job.seed, job.accelerator)
        self._task = Task(data.input_shape[0], data.input_shape[-1], data.num_classes)
        self._space, self._delivered = job.space, delivered_space(job)
        self.network = initial_network(job, settings, self._task)
        self.teachers = make_teachers(
            job, settings, self.network, self._halves.data, steps=self._halves.steps
        )
        supernet, most = self.network.supernet, settings.macs_limit
        limit = None if most is None else MacsLimit(most, supernet, job)
        self._decode = (limit or supernet).discretise
        cost, free = _charged(supernet, job, limit)
        decisions = self.network.decisions
        self._projection = Projection(supernet.kinds, decisions) if decisions else None
        self._step = BilevelStep(self.network, settings, self.teachers, cost, free, job.accelerator)
        self._judge = Judge(
            self.network,
            self._halves.judged(settings.judged_images),
            self._halves.recalibration(),
            job.accelerator,
            cost,
        )
        self._accelerator = job.accelerator
        self._units = self._epochs = 0
        self._course = Course(settings.early_stop)
        self._best = ""

    @property
    def total(self) -> int:
        if self._course.went_back_to is not None:
            return self._units
        return self._settings.epochs + (self._projection.total if self._projection else 0)

    def run_unit(self) -> Mapping[str, float]:
        metrics = self._epoch() if self._units < self._settings.epochs else self._decision()
        self._units += 1
        return metrics | self._look()

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
        elif self._settings.vote == "loss":
            loss = self._step.held_out_loss(held_out, epochs, seed)
        mixture = self._step.mixture(train, epochs, seed + 1)
        parts = self._step.weights(train, mixture, loss, epochs)
        return parts if loss is None else {**parts, "validation_loss": loss}

    def best(self) -> str:
        return self._best

    @property
    def arch(self) -> Arch:
        """The cell that the search leans to; after an early stop, the one it went back to."""
        return self._course.brought_back or self._leaning()

    def state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "weights_optimizer": self._step.weights_optimizer.state_dict(),
            "alphas_optimizer": self._step.alphas_optimizer.state_dict(),
            "teachers": self.teachers.state(),
            "units": self._units,
            IMAGES: images_digest(self._halves.data.train),
            "epochs": self._epochs,
            **self._course.state(),
            "best": self._best,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """See `Session.load`.

        Raises:
            UsageError: The images are not those of the state, where that tells.
        """
        require_its_images(state, self._halves.data.train, self._data)
        self.network.load_state_dict(state["network"])
        self._step.weights_optimizer.load_state_dict(state["weights_optimizer"])
        self._step.alphas_optimizer.load_state_dict(state["alphas_optimizer"])
        self.teachers.load(state["teachers"])
        self._units, self._epochs = state["units"], state["epochs"]
        self._course.load(state)
        self._best = state["best"]

    def save(self, folder: Path) -> dict[str, Any]:
        save_tensors(folder / WEIGHTS, self.network.state_dict())
        arch = self.arch
        sizes = self._delivered.sizes(arch, self._task)
        return {
            "weights": WEIGHTS,
            "arch": dict(arch),
            "description": self._space.describe(arch),
            **self._course.facts(),
            "warning": cell_warning(self._delivered, arch),
            "skip_connections": skips_by_kind(arch),
            "macs": sizes.macs,
            "params": sizes.params,
            "task": asdict(self._task),
        }

    def _epoch(self) -> dict[str, float]:
        """Trains on all pairs of batches; means of the losses, and the learning rate."""
        self.network.train()
        rate = learning_rate(self._settings, self._epochs)
        for group in self._step.weights_optimizer.param_groups:
            group["lr"] = rate
        losses = EpochLosses()
        for number, pair in enumerate(self.batches()):
            losses.add(self.step(number, *pair))
        self._epochs += 1
        self._step.reach(self._epochs)
        same_buffers(self.network, self._accelerator)
        means = losses.means(self._accelerator)
        require_finite(means, self._epochs, self._settings)
        return {**means, "learning_rate": rate}

    def _decision(self) -> dict[str, float]:
        """Takes the next decision and tunes; the metrics of the last epoch."""
        assert self._projection is not None
        generator = torch.Generator().manual_seed(mixed_seed(self._seed, self._units, 2))
        with torch.no_grad():
            mixture = self.network.expected()
        self._projection.decide(mixture, self._judge.accuracy, generator)
        metrics: dict[str, float] = {}
        for _ in range(self._settings.selection_epochs):
            metrics = self._epoch()
        return metrics

    def _look(self) -> dict[str, float]:
        """What is measured after a unit, of the cell that the search would now end with."""
        facts: dict[str, float] = {}
        every = self._settings.eigenvalue_every
        if every and self._units % every == 0:
            seed = mixed_seed(self._seed, self._units, 4)
            facts["alpha_eigenvalue"] = self._judge.eigenvalue(seed)
        self._course.add(self._leaning(), facts.get("alpha_eigenvalue"))
        if self._units % self._settings.judge_every == 0 or self._units == self.total:
            facts |= self._judge.facts(self.arch, self._settings.sharpness_radius)
            found = f"cell {facts['cell_accuracy']:.1%}, {facts['skips']:.0f} skips"
            self._best = found + self._course.told()
        return facts

    def _leaning(self) -> Arch:
        with torch.no_grad():
            return self._decode(self.network.expected())


def _charged(
    supernet: CellSupernet, job: Job, limit: MacsLimit | None
) -> tuple[ExpectedCost | None, float]:
    """What cells are charged, if anything, and the share of the costliest cells' that is free."""
    settings: SearchSettings = job.settings
    if not settings.cost_weight:
        return None, 0.0
    cost = ExpectedCost(cost_table(supernet, job), supernet.kinds)
    return cost, settings.cost_limit if limit is None else limit.allowed / cost.largest
