"""Types, shapes and values of tensors tell them apart; how they lie in memory does not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nas_kd.tensor_digest import tensor_digest

NUMBERS = torch.arange(6, dtype=torch.float32).view(2, 3)


@pytest.mark.parametrize(
    "other",
    [NUMBERS + 1, NUMBERS.view(3, 2), NUMBERS.view(torch.int32), NUMBERS.bfloat16(), NUMBERS[:1]],
)
def test_others_have_another_digest(other: Tensor) -> None:
    assert tensor_digest([other]) != tensor_digest([NUMBERS])


def test_the_same_in_another_layout() -> None:
    assert tensor_digest([NUMBERS.T.contiguous().T]) == tensor_digest([NUMBERS])


def test_the_order_counts() -> None:
    assert tensor_digest([NUMBERS, NUMBERS + 1]) != tensor_digest([NUMBERS + 1, NUMBERS])
