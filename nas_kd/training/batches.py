"""Which images make a batch, and in which order they are read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from nas_kd.data import Images


def epoch_batches(
    size: int, batch_size: int, *, seed: int, rank: int = 0, world: int = 1
) -> list[Tensor]:
    """This process's share of every batch of an epoch, as indices.

    All processes draw the same order of the ``size`` images from ``seed``; each batch is dealt out
    to the ``world`` processes in equal shares. What does not fill a batch, or does not divide by
    ``world``, waits for the next epoch.
    """
    order = torch.randperm(size, generator=torch.Generator().manual_seed(seed))
    batch_size = min(batch_size, size)
    batch_size -= batch_size % world
    return [batch[rank::world] for batch in order.split(batch_size) if len(batch) == batch_size]


def read_batches(
    images: Images, batches: list[Tensor], workers: int = 0
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Indices, images and labels of each of ``batches``, read ahead by ``workers`` processes."""
    loader = DataLoader(
        _Batches(images, batches),
        batch_size=None,
        num_workers=workers,
        generator=torch.Generator().manual_seed(0),
    )
    for indices, (pixels, labels) in zip(batches, loader, strict=True):
        yield indices, pixels, labels


def mixed_seed(*numbers: int) -> int:
    """One seed from several numbers (seed, epoch, process), well apart from its neighbours."""
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


class _Batches(Dataset[tuple[Tensor, Tensor]]):
    """Whole batches as the items of a data set."""

    def __init__(self, images: Images, batches: list[Tensor]) -> None:
        self._images = images
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self._images.batch(self._batches[index])
