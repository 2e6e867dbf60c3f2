"""Seeing attention maps as they are computed, whatever module computes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

_SOFTMAXES = (torch.softmax, F.softmax, Tensor.softmax)


class WatchedAttention(TorchFunctionMode):
    """Inside it, ``watch`` is called with every attention map, ``(batch, head, query, key)``.

    A map is the result of a softmax over the last of four axes, or what PyTorch's fused attention
    multiplies the values with, which is computed once more. Fused kernels of other libraries and
    `torch.nn.MultiheadAttention` cannot be seen.
    """

    def __init__(self, watch: Callable[[Tensor], None]) -> None:
        super().__init__()
        self._watch = watch

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        options: dict[str, Any] = kwargs or {}
        result = func(*args, **options)
        if func is F.scaled_dot_product_attention:
            self._watch(fused_map(*args, **options))
        elif func in _SOFTMAXES and result.ndim == 4 and _axis(args, options) in (-1, 3):
            self._watch(result)
        return result


def fused_map(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """The map ``(batch, head, query, key)`` of `F.scaled_dot_product_attention`, no dropout.

    Takes the arguments of that function; queries are ``(batch, head, query, channel)``.
    """
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3)
    logits = query @ key.mT * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if is_causal:
        attn_mask = torch.ones_like(logits, dtype=torch.bool).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        logits = logits.masked_fill(~attn_mask, -math.inf)
    elif attn_mask is not None:
        logits = logits + attn_mask
    return logits.softmax(-1)


def _axis(args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    return options.get("dim", args[1] if len(args) > 1 else None)
