"""What cannot be counted is listed, with the most that it can hold."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas_kd.costs import CountRecord, count_macs
from nas_kd.costs.element_wise import NAMED, is_element_wise
from nas_kd.costs.operator_counts import HANDLES
from nas_kd.costs.product_bound import product_bound
from tests.costs.torchs_count import Calls


class _Doubled(torch.autograd.Function):
    """An operator of the user's own, into which a tracer does not see."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor) -> Tensor:
        return inputs * 2


def test_operators_without_a_count_are_listed_with_their_bound() -> None:
    record = count_macs(Calls(lambda x: (torch.cdist(x, x), torch.fft.rfft(x).abs())), (5, 8))
    assert record.macs == 0
    assert record.unsupported == {"cdist": 1, "fft_rfft": 1}
    assert record.unsupported_at_most == {"cdist": 5 * 5 * 40, "fft_rfft": 5 * 5 * 40}
    assert record.unsupported_share == 1.0


def test_the_bound_holds_for_what_the_operator_really_needs() -> None:
    record = count_macs(Calls(lambda x: torch.cdist(x, x)), (5, 8))
    assert record.unsupported_at_most["cdist"] >= 5 * 5 * 8


def test_a_small_operator_has_a_small_share() -> None:
    model = nn.Sequential(nn.Linear(64, 64), Calls(lambda x: torch.fft.rfft(x[:, :4]).abs()))
    record = count_macs(model, (64,))
    assert record.macs == 64 * 64
    assert record.unsupported_share == pytest.approx(12 / (64 * 64 + 12))


def test_calls_add_up() -> None:
    record = count_macs(Calls(lambda x: torch.cdist(torch.cdist(x, x), x[..., :5])), (5, 8))
    assert record.unsupported == {"cdist": 2}
    assert record.unsupported_at_most == {"cdist": 25 * 40 + 25 * 25}


def test_functions_of_ones_own_are_listed() -> None:
    record = count_macs(Calls(_Doubled.apply), (8,))
    assert list(record.unsupported.values()) == [1]
    assert record.unsupported_share == 1.0


def test_without_a_bound_there_is_no_share() -> None:
    assert CountRecord(macs=5, params=0, unsupported={"loop": 1}).unsupported_share is None
    assert CountRecord(macs=5, params=0).unsupported_share == 0.0


@pytest.mark.parametrize(
    ("inputs", "outputs", "bound"),
    [
        ([(3, 4), (4, 5)], [(3, 5)], 15 * 12),
        ([(3, 4), (4, 5), (1,)], [(3, 5)], 15 * 12),
        ([(6,)], [(6,), (2,)], 6 * 8),
        ([], [(6,)], 0),
        ([(3,), None], [(3,)], None),
        ([(3,)], [None], None),
    ],
)
def test_bound_of_a_product(inputs: list[Any], outputs: list[Any], bound: int | None) -> None:
    assert product_bound(inputs, outputs) == bound


def test_what_torch_calls_point_wise_or_a_view_needs_no_list() -> None:
    for name in ("gelu", "mul", "bitwise_and", "expand_as", "erfinv"):
        assert is_element_wise(f"aten::{name}"), name
    for name in ("cdist", "fft_rfft", "softmax", "no_such_operator"):
        assert not is_element_wise(f"aten::{name}"), name
    assert not is_element_wise("own::gelu")


def test_no_operator_is_both_counted_and_taken_for_element_wise() -> None:
    products = {"aten::mm", "aten::addmm", "aten::bmm", "aten::linear", "aten::_convolution"}
    counted = products | HANDLES.keys()
    assert not counted & NAMED
    assert not [name for name in counted if is_element_wise(name)]
