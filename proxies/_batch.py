"""What a batch must be like before a network sees it."""

from __future__ import annotations

import torch
from torch import Tensor

from nas_kd.errors import UsageError
from proxies._randomness import apart

_NOISE = 1
"""The use of `apart`: weights are drawn with the same seed."""


def require_batch(inputs: Tensor, targets: Tensor) -> None:
    """Raises `UsageError` unless there are two images or more, with a class index each."""
    if not inputs.is_floating_point() or inputs.ndim < 2 or len(inputs) < 2:
        raise UsageError(
            f"the probe batch has shape {tuple(inputs.shape)} and type {inputs.dtype}; proxies "
            "compare images with each other, so give at least two, as floats."
        )
    if targets.shape != inputs.shape[:1] or targets.is_floating_point():
        raise UsageError(
            f"{len(inputs)} images come with labels of shape {tuple(targets.shape)} and type "
            f"{targets.dtype}; give one integer class index for each image."
        )


def require_labels(targets: Tensor, classes: int) -> None:
    """Raises `UsageError` for a label that is no class index."""
    low, high = int(targets.min()), int(targets.max())
    if low < 0 or high >= classes:
        raise UsageError(
            f"labels range from {low} to {high}, but the network has {classes} classes; "
            f"give class indices from 0 to {classes - 1}."
        )


def noise_like(inputs: Tensor, seed: int) -> Tensor:
    """Standard normal noise of the shape, type and device of ``inputs``."""
    return torch.randn(inputs.shape, generator=apart(seed, _NOISE)).to(inputs)
