"""Random views of training images, drawn for a whole batch at once.

An augmentation is any callable of a batch of normalised images ``(B, C, H, W)`` and a
`torch.Generator`; it returns images of the same shape. Every draw comes from the generator, so the
same generator state gives the same views. torchvision's own ``v2`` transforms draw one set of
parameters per call and from the global generator: `PerImage` runs any of them image by image and
from our generator, at a fraction of the speed of the two batched ones here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from nas_kd.errors import UsageError

Augment = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class CropFlip:
    """Random crop of the padded image and, for natural images, a mirror image in every other case.

    The border is padded by reflection, which needs no value to stand for "outside" and is the same
    under every normalisation.

    Args:
        padding: Pixels added on each side before an area of the old size is cut out.
        flip: Whether to mirror half of the images left to right.
    """

    padding: int = 4
    flip: bool = True

    def __post_init__(self) -> None:
        if self.padding < 0:
            raise UsageError(f"augment: padding is {self.padding}; give 0 or more pixels.")

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        batch, channels, height, width = images.shape
        rows = self._positions(batch, height, generator)  # (B, H)
        columns = self._positions(batch, width, generator)  # (B, W)
        if self.flip:
            flipped = torch.rand(batch, generator=generator) < 0.5
            columns = torch.where(flipped[:, None], columns.flip(1), columns)
        pixels = (rows[:, :, None] * width + columns[:, None, :]).view(batch, 1, height * width)
        pixels = pixels.to(images.device).expand(batch, channels, height * width)
        return images.reshape(batch, channels, -1).gather(2, pixels).view_as(images)

    def _positions(self, batch: int, length: int, generator: torch.Generator) -> Tensor:
        """Per image the source position of each target position, ``(B, length)``."""
        padding = min(self.padding, length - 1)
        offsets = torch.randint(-padding, padding + 1, (batch, 1), generator=generator)
        positions = (torch.arange(length) + offsets).abs()
        return torch.where(positions < length, positions, 2 * (length - 1) - positions)


@dataclass(frozen=True)
class SmallAffine:
    """Small rotation, scaling and shift of every image, for signs that must not be mirrored.

    Args:
        degrees: Largest rotation to either side, in degrees.
        scale: Largest relative change of size, up and down.
        shift: Largest shift in each direction, as a share of the side.
    """

    degrees: float = 10.0
    scale: float = 0.1
    shift: float = 0.08

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        batch = len(images)
        draws = torch.rand((4, batch), generator=generator) * 2 - 1  # each in [-1, 1)
        angle = draws[0] * math.radians(self.degrees)
        size = 1 / (1 + draws[1] * self.scale)
        cosine, sine = angle.cos() * size, angle.sin() * size
        rows = [
            torch.stack([cosine, -sine, 2 * self.shift * draws[2]], dim=1),
            torch.stack([sine, cosine, 2 * self.shift * draws[3]], dim=1),
        ]
        matrices = torch.stack(rows, dim=1).to(images)  # (B, 2, 3)
        grid = functional.affine_grid(matrices, list(images.shape), align_corners=False)
        return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


@dataclass(frozen=True)
class PerImage:
    """Any transform of one normalised image ``(C, H, W)``, such as those of ``transforms.v2``.

    The transform may draw from torch's global generator, whose state is left as it was.
    """

    transform: Callable[[Tensor], Tensor]

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        seed = int(torch.randint(2**63 - 1, (1,), generator=generator))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return torch.stack([self.transform(image) for image in images])
