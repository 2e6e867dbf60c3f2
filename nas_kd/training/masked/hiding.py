"""Which patches an autoencoder does not see."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Hiding:
    """Visible and hidden patches of a batch.

    Attributes:
        noise: What they were drawn by, ``(image, patch)``: the smallest are visible.
        visible: Numbers of the visible patches, ``(image, visible patch)``, int64.
        mask: ``(image, patch)``, true where a patch is hidden.
    """

    noise: Tensor
    visible: Tensor
    mask: Tensor


def visible_patches(patches: int, ratio: float) -> int:
    """How many of the patches are left: the share 1 - ``ratio`` of them, rounded down."""
    return int(patches * (1 - ratio))


def hide_patches(noise: Tensor, ratio: float) -> Hiding:
    """Leaves the patches of the smallest ``noise``, as many as `visible_patches` says.

    transformers' `ViTMAEModel` leaves the same ones, in the same order, for the same noise.
    """
    kept = visible_patches(noise.shape[1], ratio)
    visible = noise.argsort(1)[:, :kept]
    mask = torch.ones_like(noise, dtype=torch.bool).scatter(1, visible, False)
    return Hiding(noise, visible, mask)
