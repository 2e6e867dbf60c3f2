"""Few tokens in bf16 on a CPU take the plain attention kernel; all else is torch's choice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from nas_kd.training.attention_kernels import FEW_TOKENS, quick_attention
from nas_kd.training.processes import make_accelerator

FUSED = "aten::_scaled_dot_product_flash_attention_for_cpu"


@pytest.mark.parametrize(
    ("precision", "tokens", "is_fused"),
    [
        ("bf16", FEW_TOKENS, False),
        ("bf16", FEW_TOKENS + 1, True),
        ("no", FEW_TOKENS, True),
    ],
)
def test_kernel(precision: str, tokens: int, is_fused: bool) -> None:
    accelerator = make_accelerator(precision)

    def attend() -> None:
        queries, keys, values = torch.ones(3, 1, 2, 4, 8, requires_grad=True).unbind()
        with quick_attention(accelerator, tokens), accelerator.autocast():
            F.scaled_dot_product_attention(queries, keys, values).sum().backward()

    assert any(name.startswith(FUSED) for name in _operators(attend)) == is_fused


def _operators(computation: Callable[[], None]) -> set[str]:
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        computation()
    return {event.key for event in recorded.key_averages()}
