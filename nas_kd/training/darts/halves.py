"""The training images of a search: half for the weights, half for the architecture parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from accelerate import Accelerator
from torch import Tensor

from nas_kd.data import DataSplits, Images, stratified_split
from nas_kd.errors import UsageError
from nas_kd.training.batches import epoch_batches, mixed_seed, read_batches
from nas_kd.training.darts.settings import SearchSettings
from nas_kd.training.teacher_grid import Batch

_RECALIBRATION_BATCHES = 8


class Halves:
    """Pairs of augmented batches, one of each half, in an order that the seed decides.

    Args:
        data: Its training images are split; each class as equally as can be.
        settings: ``batch_size`` and ``workers`` are read.
        seed: Of the search.
        accelerator: The device, and the processes that share every batch.

    Raises:
        UsageError: A class has a single training image.
    """

    def __init__(
        self, data: DataSplits, settings: SearchSettings, seed: int, accelerator: Accelerator
    ) -> None:
        _require_two_of_each(data)
        first, second = stratified_split(
            data.train.labels, 0.5, seed, f"data {data.name}", data.classes
        )
        self.data = replace(data, train=data.train.subset(first))
        self._held_out = data.train.subset(second)
        self._settings, self._seed, self._accelerator = settings, seed, accelerator
        self.steps = min(len(self._indices(half, 0, 0)) for half in self._halves)

    def epoch(self, number: int) -> Iterator[tuple[Batch, Batch]]:
        """The pairs of an epoch: images for the weights, images for the architecture."""
        first, second = (self._read(half, number, place) for place, half in enumerate(self._halves))
        return zip(first, second, strict=False)

    def recalibration(self) -> list[Tensor]:
        """Unaugmented images over which batch-norm statistics are re-estimated, on the device."""
        size = self._settings.batch_size
        indices = self._some(self.data.train, _RECALIBRATION_BATCHES * size)
        return [self._on_device(self.data.train.batch(part)[0]) for part in indices.split(size)]

    def judged(self, most: int) -> Images:
        """At most so many validation images, in mixed order."""
        return self.data.validation.subset(self._some(self.data.validation, most))

    @property
    def _halves(self) -> tuple[Images, Images]:
        return self.data.train, self._held_out

    def _some(self, images: Images, most: int) -> Tensor:
        generator = torch.Generator().manual_seed(self._seed)
        return torch.randperm(len(images), generator=generator)[:most]

    def _indices(self, half: Images, epoch: int, place: int) -> list[Tensor]:
        return epoch_batches(
            len(half),
            self._settings.batch_size,
            seed=mixed_seed(self._seed, epoch, place),
            rank=self._accelerator.process_index,
            world=self._accelerator.num_processes,
        )

    def _read(self, half: Images, epoch: int, place: int) -> Iterator[Batch]:
        process = self._accelerator.process_index
        generator = torch.Generator().manual_seed(mixed_seed(self._seed, epoch, place, process))
        batches = self._indices(half, epoch, place)
        for indices, images, targets in read_batches(half, batches, self._settings.workers):
            views = self._on_device(images)
            if self.data.augment is not None:
                views = self.data.augment(views, generator)
            yield Batch(
                views.contiguous(memory_format=torch.channels_last),
                targets.to(views.device),
                indices,
            )

    def _on_device(self, images: Tensor) -> Tensor:
        return images.to(self._accelerator.device)


def _require_two_of_each(data: DataSplits) -> None:
    counts = torch.bincount(data.train.labels)
    if scarce := torch.where(counts == 1)[0].tolist():
        raise UsageError(
            f"data {data.name}: class {scarce[0]} has a single training image, and a search needs "
            "two of each, one that trains the weights and one the architecture. Add images of it, "
            "or leave the class out."
        )
