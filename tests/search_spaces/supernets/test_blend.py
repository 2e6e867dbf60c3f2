"""Sums of what edges give, against the formula and its differences."""

from __future__ import annotations

import torch
from torch import Tensor

from search_spaces.supernets._blend import blended


def _inputs(dtype: torch.dtype) -> list[Tensor]:
    """Two edges, two channels: the convolved maps, the node, its pooling, and their weights."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(2, 4, 2, 3), (2, 4, 2, 3), (2, 2, 2, 3), (2, 2, 2, 3), (2,), (2,)]
    return [
        torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()
        for shape in shapes
    ]


def test_every_edge_has_its_own_part_and_weights() -> None:
    small, large, state, pooled, skips, pools = inputs = _inputs(torch.float64)
    for edge, value in enumerate(blended(*inputs)):
        part = slice(2 * edge, 2 * edge + 2)
        expected = small[:, part] + large[:, part] + skips[edge] * state + pools[edge] * pooled
        torch.testing.assert_close(value, expected)


def test_slopes_and_their_slopes_equal_differences() -> None:
    assert torch.autograd.gradcheck(blended, _inputs(torch.float64))
    assert torch.autograd.gradgradcheck(blended, _inputs(torch.float64))


def test_weights_of_maps_in_half_precision_have_full_slopes() -> None:
    full = _inputs(torch.float64)
    half = [*(x.detach().bfloat16().requires_grad_() for x in full[:4]), *full[4:]]
    slopes = [
        torch.autograd.grad(sum(v.double().square().sum() for v in blended(*inputs)), full[4:])
        for inputs in (full, half)
    ]
    for exact, found in zip(*slopes, strict=True):
        torch.testing.assert_close(found, exact, rtol=0.05, atol=0.05)
