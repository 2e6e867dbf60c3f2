"""Operators that are known to hold no multiply-accumulates."""

from __future__ import annotations

from typing import Any

import torch

_NAMES = (
    # functions of single elements that PyTorch composes or does not tag
    "glu hardswish hardswish_ log_sigmoid log_softmax mish_ prelu relu6_ softmax "
    "outer ger cumsum cumprod cummax cummin diff "
    # reductions, pooling, resampling and normalisation without learned mixing of channels
    "all amax amin any argmax argmin count_nonzero frobenius_norm linalg_vector_norm logsumexp "
    "mean norm prod std std_mean sum var var_mean adaptive_avg_pool1d adaptive_avg_pool3d "
    "adaptive_max_pool1d adaptive_max_pool2d avg_pool1d avg_pool2d avg_pool3d max_pool1d "
    "max_pool2d max_pool2d_with_indices max_pool3d upsample_bicubic2d upsample_linear1d "
    "upsample_nearest1d local_response_norm rms_norm "
    # moving data
    "col2im dropout_ embedding flip im2col index_add index_add_ index_copy index_fill index_select "
    "masked_fill_ masked_scatter masked_select meshgrid one_hot pad pixel_shuffle pixel_unshuffle "
    "repeat repeat_interleave scatter scatter_ scatter_add scatter_add_ take_along_dim tile "
    # bookkeeping
    "__or__ argsort bernoulli_ bincount bucketize detach_ empty_like eye feature_dropout fill_ "
    "histc isin item linspace new_ones ones_like rand randn scalar_tensor searchsorted sort topk "
    "tril triu uniform_ unsafe_chunk unsafe_split zero_"
)

NAMED = frozenset(f"aten::{name}" for name in _NAMES.split())
"""Operators without multiply-accumulates that `is_element_wise` does not recognise by itself."""


def is_element_wise(operator: str) -> bool:
    """Whether PyTorch's own schema says that a traced operator cannot multiply and accumulate.

    That is so where it is tagged as point-wise, or where its result is a view of its input. The
    operators in `NAMED` are tagged nowhere and are not looked up here.

    Args:
        operator: As in a traced graph, ``"aten::gelu"``.
    """
    namespace, _, name = operator.partition("::")
    if namespace != "aten":
        return False
    packet = getattr(torch.ops.aten, name, None)
    if packet is None:
        return False
    overloads = [getattr(packet, overload) for overload in packet.overloads()]
    return any(torch.Tag.pointwise in one.tags or _is_view(one) for one in overloads)


def _is_view(overload: Any) -> bool:
    returns = overload._schema.returns
    return bool(returns) and all(
        value.alias_info is not None and not value.alias_info.is_write for value in returns
    )
