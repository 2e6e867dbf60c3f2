"""Random rectangles of images, each image with draws of its own."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

_ASPECT = math.log(4 / 3)


class Draws:
    """Random numbers for every image of a batch."""

    def __init__(self, batch: int, device: torch.device, generator: Generator) -> None:
        self._batch = batch
        self._device = device
        self._generator = generator

    def uniform(self, low: float, high: float) -> Tensor:
        """``(batch,)`` in [low, high)."""
        unit = torch.rand(self._batch, generator=self._generator)
        return (low + (high - low) * unit).to(self._device)

    def happens(self, probability: float) -> Tensor:
        """``(batch, 1, 1, 1)``, true with this probability."""
        return (self.uniform(0, 1) < probability).view(-1, 1, 1, 1)

    def order(self, length: int) -> list[int]:
        """A random order for the whole batch."""
        order: list[int] = torch.randperm(length, generator=self._generator).tolist()
        return order


def random_crop(
    images: Tensor, scale: tuple[float, float], side: int, draws: Draws, *, flip: bool
) -> Tensor:
    """A random rectangle of each image, resized to ``side`` x ``side``, mirrored half the time."""
    area, aspect = draws.uniform(*scale), draws.uniform(-_ASPECT, _ASPECT).exp()
    width, height = ((area * ratio).sqrt().clamp(max=1) for ratio in (aspect, 1 / aspect))
    left, top = ((1 - size) * draws.uniform(-1, 1) for size in (width, height))
    if flip:
        width = torch.where(draws.uniform(0, 1) < 0.5, -width, width)
    zero = torch.zeros_like(width)
    rows = [torch.stack([width, zero, left], 1), torch.stack([zero, height, top], 1)]
    grid = F.affine_grid(
        torch.stack(rows, 1), [*images.shape[:2], side, side], align_corners=False
    )  # batch, side, side, 2
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
