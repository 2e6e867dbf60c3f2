"""Which examples make a batch, and in which order they are read."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from nas_kd.data import Images

_POOL = 50
"""Batches out of which examples of like length are put together."""


def epoch_batches(
    size: int,
    batch_size: int,
    *,
    seed: int,
    rank: int = 0,
    world: int = 1,
    lengths: Tensor | None = None,
) -> list[Tensor]:
    """This process's share of every batch of an epoch, as indices.

    All processes draw the same order of the ``size`` examples from ``seed``; each batch is dealt
    out to the ``world`` processes in equal shares. What does not fill a batch, or does not divide
    by ``world``, waits for the next epoch.

    Args:
        size: Number of the examples.
        batch_size: Over all processes.
        seed: Of the order.
        rank: Of this process.
        world: Number of processes.
        lengths: Of the examples, ``(size,)``: batches are then made of examples of like length, by
            sorting those of 50 batches at a time, and little is spent on padding.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(size, generator=generator)
    batch_size = min(batch_size, size)
    batch_size -= batch_size % world
    batches = order[: size - size % batch_size].split(batch_size)
    if lengths is not None:
        batches = tuple(_of_like_length(batches, lengths, generator))
    return [batch[rank::world] for batch in batches]


def read_batches(
    images: Images, batches: list[Tensor], workers: int = 0
) -> Generator[tuple[Tensor, Tensor, Tensor], None, None]:
    """Indices, images and labels of each of ``batches``, read ahead by ``workers`` processes.

    Who stops before the last one closes it, so that the processes end. Ctrl-C, which a terminal
    sends to all of them, interrupts this process alone.
    """
    loader = DataLoader(
        _Batches(images, batches),
        batch_size=None,
        num_workers=workers,
        generator=torch.Generator().manual_seed(0),
    )
    with _interrupts_held_back():
        read = iter(loader)
    for indices, (pixels, labels) in zip(batches, read, strict=True):
        yield indices, pixels, labels


def mixed_seed(*numbers: int) -> int:
    """One seed from several numbers (seed, epoch, process), well apart from its neighbours."""
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Until the end of the context; for good in processes that are started in it.

    A reader that Ctrl-C kills would look like one that failed, and an interrupt in the moment of a
    fork is lost.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _of_like_length(
    batches: Sequence[Tensor], lengths: Tensor, generator: torch.Generator
) -> Iterator[Tensor]:
    for start in range(0, len(batches), _POOL):
        pool = torch.cat(tuple(batches[start : start + _POOL]))
        by_length = pool[lengths[pool].argsort(descending=True, stable=True)]
        sorted_batches = by_length.split(len(batches[0]))
        for place in torch.randperm(len(sorted_batches), generator=generator).tolist():
            yield sorted_batches[place]


class _Batches(Dataset[tuple[Tensor, Tensor]]):
    """Whole batches as the items of a data set."""

    def __init__(self, images: Images, batches: list[Tensor]) -> None:
        self._images = images
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self._images.batch(self._batches[index])
