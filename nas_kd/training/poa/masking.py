"""Which patches are hidden from the students: blocks, in a share of the images."""

from __future__ import annotations

import math

import torch
from torch import Tensor

LEAST_PATCHES = 4
LARGEST_SHARE = 0.5
_ASPECT = 0.3
_ATTEMPTS = 10


def draw_masks(
    images: int,
    grid: tuple[int, int],
    *,
    probability: float,
    ratio: tuple[float, float],
    generator: torch.Generator,
) -> Tensor:
    """Masks ``(image, patch)``, true where a patch is hidden.

    ``probability`` of the images, drawn at random, are masked; the shares of their patches that are
    hidden are spread evenly over ``ratio``.

    Args:
        images: How many.
        grid: Patches in a column and in a row.
        probability: Share of the images that are masked, rounded down.
        ratio: Least and largest share of hidden patches.
        generator: Decides everything.

    Source: the block masks of BEiT (arXiv 2106.08254, algorithm 1), drawn as in DINOv2's code.
    """
    masks = torch.zeros(images, grid[0] * grid[1], dtype=torch.bool)
    masked = int(images * probability)
    low, high = ratio
    chosen = torch.randperm(images, generator=generator)[:masked].tolist()
    for number, image in enumerate(chosen):
        share = low + (high - low) * (number + _uniform(generator)) / masked
        masks[image] = block_mask(grid, int(masks.shape[1] * share), generator).flatten()
    return masks


def block_mask(grid: tuple[int, int], patches: int, generator: torch.Generator) -> Tensor:
    """A mask ``(row, column)`` of rectangles that hide at most ``patches``, and nearly as many."""
    mask = torch.zeros(grid, dtype=torch.bool)
    largest = int(LARGEST_SHARE * mask.numel())
    hidden = 0
    while hidden < patches:
        more = hide_block(mask, min(patches - hidden, largest), generator)
        if more == 0:
            break
        hidden += more
    return mask


def hide_block(mask: Tensor, most: int, generator: torch.Generator) -> int:
    """Hides one rectangle with at least one and at most ``most`` patches that are still seen."""
    height, width = mask.shape
    for _ in range(_ATTEMPTS):
        area = LEAST_PATCHES + (most - LEAST_PATCHES) * _uniform(generator)
        aspect = math.exp(math.log(_ASPECT) * (1 - 2 * _uniform(generator)))
        rows, columns = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if not (0 < rows < height and 0 < columns < width):
            continue
        top = int(_uniform(generator) * (height - rows + 1))
        left = int(_uniform(generator) * (width - columns + 1))
        block = mask[top : top + rows, left : left + columns]
        more = rows * columns - int(block.sum())
        if 0 < more <= most:
            block.fill_(True)
            return more
    return 0


def _uniform(generator: torch.Generator) -> float:
    """A number in [0, 1)."""
    return float(torch.rand((), generator=generator))
