"""PyTorch's own counter, for comparison."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


def half_of_torchs_count(
    model: nn.Module, inputs: tuple[int, ...] | Mapping[str, Any], *, mkldnn: bool = True
) -> float:
    """PyTorch counts two per multiply-accumulate, and attention only by its unfused products.

    Without ``mkldnn`` recurrent layers are computed step by step, which it counts as well.
    """
    model.eval().requires_grad_(False)
    with (
        torch.no_grad(),
        nullcontext() if mkldnn else torch.backends.mkldnn.flags(enabled=False),
        sdpa_kernel(SDPBackend.MATH),
        FlopCounterMode(display=False) as counter,
    ):
        if isinstance(inputs, Mapping):
            model(**copy.deepcopy(dict(inputs)))
        else:
            model(torch.zeros(1, *inputs))
    return float(counter.get_total_flops()) / 2


class Calls(nn.Module):
    """A module that calls a function."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.function(*inputs)
