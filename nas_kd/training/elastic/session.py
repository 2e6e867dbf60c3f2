"""Training a supernet on images, epoch by epoch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

from nas_kd.data import Images
from nas_kd.errors import NasKdError, UsageError
from nas_kd.training.attention_kernels import quick_attention
from nas_kd.training.batches import epoch_batches, read_batches
from nas_kd.training.elastic.repeatable import repeatable
from nas_kd.training.elastic.seeds import Use, seed_of
from nas_kd.training.enough_memory import BatchSetting, require_memory
from nas_kd.training.objective import not_finite
from nas_kd.training.pretraining.known_images import IMAGES, images_digest, require_its_images
from nas_kd.training.pretraining.known_teacher import require_its_teacher, teacher_digest
from nas_kd.training.pretraining.method import Job
from nas_kd.training.processes import forked_rng
from nas_kd.training.step_memory import StepMemory, find_step_memory

_LATE = 0.99
"""A share of the training at which everything has begun that is to be learned."""
_PARTS = "images_at_once"


class EpochSettings(Protocol):
    """The settings that every such training has."""

    @property
    def epochs(self) -> int: ...

    @property
    def batch_size(self) -> int: ...

    @property
    def epoch_images(self) -> int | None: ...

    @property
    def gradient_clip(self) -> float | None: ...

    @property
    def workers(self) -> int: ...


@dataclass(frozen=True)
class Step:
    """One step of a training.

    Attributes:
        indices: Which training images, ``(sample,)``.
        images: This process's share of the batch, ``(sample, C, H, W)``, on its device.
        labels: ``(sample,)``.
        number: Of the step, counted from 0 over all epochs.
        share: Of the training that is over before it, in [0, 1).
        generator: For everything that is drawn in it.
    """

    indices: Tensor
    images: Tensor
    labels: Tensor
    number: int
    share: float
    generator: Generator


class EpochSession(ABC):
    """A training whose units are epochs (a `Session`). Subclasses say what a step is.

    Everything random in an epoch, the order of the images too, starts from a seed made of the job's
    seed, the epoch and the process: at the end of an epoch there is no random state to keep.

    Args:
        job: Its settings are `EpochSettings`.
        images: What is trained on.
        network: The module that is trained; its forward is the whole loss of the images that it
            is given, so that data parallelism sees one forward for each backward.
        optimizer: Over parameters of ``network``.
        teacher: The trained teacher as it was loaded, if there is one.
    """

    def __init__(
        self,
        job: Job,
        images: Images,
        network: nn.Module,
        optimizer: Optimizer,
        *,
        teacher: nn.Module | None = None,
    ) -> None:
        self.job = job
        self.epoch = 0
        self.last: dict[str, float] = {}
        self._settings: EpochSettings = job.settings
        self._images = images
        self._known_teacher = teacher_digest(teacher)
        self._accelerator = job.accelerator
        self._raw = network.to(job.accelerator.device)
        self._raw_optimizer = optimizer
        self.network, self._optimizer = job.accelerator.prepare(network, optimizer)
        self._require_images()
        self._fits = False

    @property
    def total(self) -> int:
        return self._settings.epochs

    @property
    @abstractmethod
    def attended_tokens(self) -> int:
        """Of the network, see `ElasticSupernet.attended_tokens`."""

    @abstractmethod
    def step(self, step: Step) -> dict[str, Tensor]:
        """Trains one step; the parts of its loss by name, detached."""

    @abstractmethod
    def forward(self, step: Step) -> object:
        """The forward of a step whose images go through the network together, with its graph.

        Nothing of it stays but what it does to the buffers of `network`.
        """

    def in_parts(self) -> bool:
        """Whether the images of a step can go through the network one after the other."""
        return False

    def finish_epoch(self) -> dict[str, float]:
        """Further facts about the epoch that has just ended."""
        return {}

    def clipped(self) -> Sequence[nn.Module]:
        """Parts of the network, each of whose gradients is clipped for itself."""
        return [self._raw]

    def run_unit(self) -> dict[str, float]:
        seed = seed_of(Use.STEPS, self.job.seed, self.epoch, self._accelerator.process_index)
        batches = self._batches()
        parts: dict[str, list[Tensor]] = {}
        device = self._accelerator.device
        with (
            forked_rng(device),
            repeatable(device),
            quick_attention(self._accelerator, self.attended_tokens),
        ):
            self.network.train()
            self._require_memory()
            torch.manual_seed(seed)
            generator = Generator().manual_seed(seed)
            read = read_batches(self._images, batches, self._settings.workers)
            for place, (indices, images, labels) in enumerate(read):
                number = self.epoch * len(batches) + place
                step = Step(
                    indices,
                    images.to(device),
                    labels.to(device),
                    number,
                    number / (len(batches) * self.total),
                    generator,
                )
                for name, part in self.step(step).items():
                    parts.setdefault(name, []).append(part.float())
        self.epoch += 1
        self.last = self._means(parts) | self.finish_epoch()
        return self.last

    def best(self) -> str:
        return f"loss {self.last['loss']:.3f}" if self.last else ""

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = {
            "epoch": self.epoch,
            "last": self.last,
            IMAGES: images_digest(self._images),
            **self._known_teacher,
            "network": self._raw.state_dict(),
            "optimizer": self._raw_optimizer.state_dict(),
        }
        if (scaler := self._accelerator.scaler) is not None:
            state["scaler"] = scaler.state_dict()
        return state

    def load(self, state: Mapping[str, Any]) -> None:
        """See `Session.load`.

        Raises:
            UsageError: The images or the teacher are not those of the state, where that tells.
        """
        require_its_images(state, self._images, self.job.data)
        require_its_teacher(state, self._known_teacher, self.job.teacher)
        self.epoch, self.last = state["epoch"], state["last"]
        self._raw.load_state_dict(state["network"])
        self._raw_optimizer.load_state_dict(state["optimizer"])
        if (scaler := self._accelerator.scaler) is not None:
            scaler.load_state_dict(state["scaler"])

    @abstractmethod
    def save(self, folder: Path) -> dict[str, Any]: ...

    @contextmanager
    def optimising(self) -> Iterator[None]:
        """One step of the optimiser, against what is backpropagated in the context."""
        self._optimizer.zero_grad()
        yield
        if self._settings.gradient_clip is not None:
            self._accelerator.unscale_gradients()
            for part in self.clipped():
                nn.utils.clip_grad_norm_(part.parameters(), self._settings.gradient_clip)
        self._optimizer.step()

    def _batches(self) -> list[Tensor]:
        """This process's share of the batches of the epoch."""
        batches = epoch_batches(
            len(self._images),
            self._settings.batch_size,
            seed=seed_of(Use.ORDER, self.job.seed, self.epoch),
            rank=self._accelerator.process_index,
            world=self._accelerator.num_processes,
        )
        if self._settings.epoch_images is None:
            return batches
        return batches[: max(1, self._settings.epoch_images // self._settings.batch_size)]

    def _require_memory(self) -> None:
        """Looks before the first step that this process takes.

        Raises:
            NasKdError: A step does not fit into the memory.
        """
        if self._fits:
            return
        at_once: int | None = getattr(self._settings, _PARTS, None)
        images = len(self._batches()[0])
        setting = BatchSetting("batch_size (--set batch_size=N)", self._accelerator.num_processes)
        if self.in_parts():
            setting = BatchSetting(f"{_PARTS} (--set {_PARTS}=N)", least=1)
        require_memory(
            self._find_step_memory,
            images if at_once is None else min(images, at_once),
            self._accelerator,
            what="pretrain",
            setting=setting,
            note=self.job.note,
        )
        self._fits = True

    def _find_step_memory(self) -> StepMemory:
        def forward(count: int) -> object:
            indices = torch.arange(count) % len(self._images)
            images, labels = (part.to(device) for part in self._images.batch(indices))
            generator = Generator().manual_seed(self.job.seed)
            return self.forward(Step(indices, images, labels, 0, _LATE, generator))

        device = self._accelerator.device
        with self._accelerator.no_sync(self.network):
            return find_step_memory(forward, self._raw, self._raw_optimizer)

    def _means(self, parts: Mapping[str, list[Tensor]]) -> dict[str, float]:
        """Means over the processes and those steps that have the part.

        Raises:
            NasKdError: One of them is no longer finite.
        """
        of_process = torch.stack([torch.stack(steps).mean() for steps in parts.values()])
        of_all = self._accelerator.reduce(of_process, reduction="mean")
        means = dict(zip(parts, of_all.tolist(), strict=True))
        if names := not_finite(means):
            raise NasKdError(
                f"pretrain: {', '.join(names)} is no longer finite in epoch {self.epoch}. Lower "
                "learning_rate, or train in full precision (--set precision=no)."
            )
        return means

    def _require_images(self) -> None:
        """Raises `UsageError` where a process would get fewer than two images of a batch."""
        batch = min(self._settings.batch_size, len(self._images))
        if batch < 2 * self._accelerator.num_processes:
            raise UsageError(
                f"pretrain: a batch of {batch} images is too small for "
                f"{self._accelerator.num_processes} process(es); each needs at least 2."
            )
