"""What all edges from one node of a cell give, added up in few passes over the maps.

Shapes are ``(B, C, H, W)``: batch, channels, height, width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor


def blended(
    small: Tensor, large: Tensor, state: Tensor, pooled: Tensor, skips: Tensor, pools: Tensor
) -> tuple[Tensor, ...]:
    """The map of each edge, ``small + large + skip * state + pool * pooled``.

    Args:
        small: ``(B, edge * C, H, W)``, the edges side by side.
        large: The same shape.
        state: The node that the edges leave.
        pooled: The same after pooling.
        skips: ``(edge,)``
        pools: ``(edge,)``
    """
    return cast(tuple[Tensor, ...], _Blend.apply(small, large, state, pooled, skips, pools))


class _Blend(torch.autograd.Function):
    """Nothing that the sums go through is kept, and the slopes are joined once for both summands.

    The slope is made of differentiable operations, so it has a slope of its own.
    """

    @staticmethod
    def forward(
        ctx: Any,
        small: Tensor,
        large: Tensor,
        state: Tensor,
        pooled: Tensor,
        skips: Tensor,
        pools: Tensor,
    ) -> tuple[Tensor, ...]:
        ctx.save_for_backward(state, pooled, skips, pools)
        parts = (small + large).chunk(len(skips), dim=1)
        return tuple(
            torch.addcmul(part, state, skip).addcmul_(pooled, pool)
            for part, skip, pool in zip(parts, skips, pools, strict=True)
        )

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        state, pooled, skips, pools = ctx.saved_tensors
        needed = ctx.needs_input_grad
        joined = torch.cat(slopes, dim=1) if len(slopes) > 1 else slopes[0]
        return (
            joined,
            joined,
            _weighted(slopes, skips) if needed[2] else None,
            _weighted(slopes, pools) if needed[3] else None,
            _products(slopes, state) if needed[4] else None,
            _products(slopes, pooled) if needed[5] else None,
        )


def _weighted(maps: Sequence[Tensor], weights: Tensor) -> Tensor:
    total = maps[0] * weights[0]
    for one, weight in zip(maps[1:], weights[1:], strict=True):
        total = total.addcmul_(one, weight)
    return total


def _products(maps: Sequence[Tensor], other: Tensor) -> Tensor:
    """The inner product of each map with ``other``, ``(map,)``."""
    return torch.stack([torch.dot(_flat(one), _flat(other)) for one in maps])


def _flat(maps: Tensor) -> Tensor:
    """All numbers in one row, in the order in which maps of channels last lie in memory."""
    flat = maps.permute(0, 2, 3, 1).reshape(-1)
    return flat.to(torch.promote_types(flat.dtype, torch.float32))
