"""Weights that are moved for a look."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def gradients(loss: Tensor, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Of a scalar; zeros for inputs that it does not depend on."""
    slopes = torch.autograd.grad(loss, list(inputs), allow_unused=True)
    return [
        torch.zeros_like(value) if slope is None else slope
        for value, slope in zip(inputs, slopes, strict=True)
    ]


def norm(tensors: Sequence[Tensor]) -> float:
    """Euclidean, of all tensors as one vector; never zero."""
    return float(torch.stack([tensor.norm() for tensor in tensors]).norm().clamp_min(1e-12))


@torch.no_grad()
def move(weights: Sequence[Tensor], direction: Sequence[Tensor], length: float) -> None:
    """Adds ``length`` times the direction in place."""
    for weight, step in zip(weights, direction, strict=True):
        weight.add_(step, alpha=length)
