"""Sums of products cost what PyTorch's own counter says they cost."""

from __future__ import annotations

import pytest
import torch

from nas_kd.costs import count_macs
from nas_kd.costs.einsum_count import einsum_macs
from tests.costs.torchs_count import Calls, half_of_torchs_count

PAIRS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("bhid,bhjd->bhij", (2, 3, 4, 5), (2, 3, 6, 5)),
    ("...ij,...kj->...ik", (2, 3, 4), (2, 5, 4)),
    ("...ij,kj->...ik", (2, 3, 4), (5, 4)),
    ("bchw,bdhw->bcd", (2, 3, 4, 5), (2, 6, 4, 5)),
    ("ijk,jl->l", (2, 3, 4), (3, 5)),
    ("bij,bij->b", (2, 3, 4), (2, 3, 4)),
    ("bij,bij->bij", (2, 3, 4), (2, 3, 4)),
    ("i,j->ij", (3,), (4,)),
    ("bij,bjk->bik", (1, 3, 4), (2, 4, 5)),
    ("ij,jk->ik", (2, 1), (1, 4)),
    ("ii,ij->j", (3, 3), (3, 4)),
    ("ibnd, jbnd -> bnij", (4, 2, 3, 5), (6, 2, 3, 5)),
]


@pytest.mark.parametrize(("equation", "left", "right"), PAIRS)
def test_pairs(equation: str, left: tuple[int, ...], right: tuple[int, ...]) -> None:
    operands = [torch.zeros(left), torch.zeros(right)]
    model = Calls(lambda x: torch.einsum(equation, *operands) + x)
    assert einsum_macs(equation, [left, right]) == half_of_torchs_count(model, (1,))
    assert count_macs(model, (1,)).macs == einsum_macs(equation, [left, right])


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]),
        ("bi,ij,bj->b", [(2, 3), (3, 4), (2, 4)]),
        ("ij,jk,kl,lm->im", [(2, 3), (3, 4), (4, 5), (5, 6)]),
        ("bi,bi,ij->bj", [(2, 3), (2, 3), (3, 4)]),
    ],
)
def test_more_operands_are_contracted_in_pytorchs_order(
    equation: str, shapes: list[tuple[int, ...]]
) -> None:
    operands = [torch.zeros(shape) for shape in shapes]
    model = Calls(lambda x: torch.einsum(equation, *operands) + x)
    assert count_macs(model, (1,)).macs == half_of_torchs_count(model, (1,))


def test_a_path_decides_the_order() -> None:
    shapes = [(2, 3), (3, 4), (4, 5)]
    assert einsum_macs("ij,jk,kl->il", shapes) == 2 * 3 * 4 + 2 * 4 * 5
    assert einsum_macs("ij,jk,kl->il", shapes, [1, 2, 0, 1]) == 3 * 4 * 5 + 2 * 3 * 5


def test_one_operand_multiplies_nothing() -> None:
    assert einsum_macs("bij->bji", [(2, 3, 4)]) == 0
    assert einsum_macs("ii->", [(3, 3)]) == 0
