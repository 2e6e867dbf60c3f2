"""Which of torch's attention kernels a training step takes."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from accelerate import Accelerator
from torch.nn.attention import SDPBackend, sdpa_kernel

FEW_TOKENS = 128
"""Up to here the plain kernel trains faster in bf16 on a CPU: 13 times at 17 tokens, 1.5 times at
128, as fast at 197 and slower at 512 (torch 2.14, AMD EPYC with avx512_bf16)."""


def quick_attention(accelerator: Accelerator, tokens: int) -> AbstractContextManager[None]:
    """Held while something is trained whose attention is among at most so many tokens.

    In bf16 on a CPU the backward of torch's fused attention takes many times as long as its
    forward. Few tokens take the plain kernel there, which computes in float32; whatever else is
    torch's choice.
    """
    on_cpu = accelerator.device.type == "cpu"
    if on_cpu and accelerator.mixed_precision == "bf16" and tokens <= FEW_TOKENS:
        return sdpa_kernel(SDPBackend.MATH)
    return nullcontext()
