"""Multiply-accumulates of traced operators: the handles that fvcore lacks or has inexact.

A handle takes the traced node's inputs and outputs (``torch._C.Value``) and returns the count.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from fvcore.nn.jit_handles import conv_flop_count, einsum_flop_jit, get_shape

Handle = Callable[[Sequence[Any], Sequence[Any]], Any]

NOT_MULTIPLY_ACCUMULATES = frozenset(
    {
        "adaptive_avg_pool2d",
        "batch_norm",
        "group_norm",
        "grid_sampler",
        "instance_norm",
        "layer_norm",
        "upsample_bilinear2d",
        "upsample_nearest2d",
    }
)
"""What fvcore counts although it is no convolution, linear layer or matrix product."""

_ELEMENT_WISE_NAMES = (
    # arithmetic and functions of single elements
    "abs add add_ addcmul ceil clamp_max clamp_min clone cos div div_ erf exp expand_as log "
    "log1p log2 maximum minimum mul mul_ neg ones_like pow reciprocal rsqrt rsub sign sin sqrt "
    "square sub sub_ where "
    # activations
    "celu elu elu_ gelu glu hardsigmoid hardsigmoid_ hardswish hardswish_ hardtanh hardtanh_ "
    "leaky_relu leaky_relu_ log_sigmoid log_softmax mish mish_ prelu relu6 relu6_ selu selu_ "
    "sigmoid sigmoid_ silu silu_ softmax softplus tanh tanh_ "
    # reductions, pooling and normalisation without learned mixing of channels
    "adaptive_avg_pool1d adaptive_max_pool1d adaptive_max_pool2d amax amin argmax avg_pool1d "
    "avg_pool2d cumsum frobenius_norm linalg_vector_norm local_response_norm logsumexp "
    "max_pool1d max_pool2d max_pool2d_with_indices mean min norm rms_norm std sum var "
    "var_mean "
    # moving data
    "alias col2im dropout_ embedding flip im2col index_select lift_fresh masked_fill_ "
    "meshgrid movedim numpy_T pad pixel_shuffle pixel_unshuffle repeat repeat_interleave "
    "reshape_as tile unflatten unfold view_as "
    # bookkeeping
    "__or__ bernoulli_ detach_ empty_like feature_dropout item le linspace logical_and "
    "logical_not lt ne rand scalar_tensor sort tensor_split topk tril triu uniform_"
)

ELEMENT_WISE = frozenset(f"aten::{name}" for name in _ELEMENT_WISE_NAMES.split())
"""Operators without multiply-accumulates: their count is zero by definition."""


def _shape(value: Any) -> list[int]:
    """The traced tensor's shape; ``[]`` for a scalar or anything that is no tensor."""
    return [int(size) for size in get_shape(value) or []]


def attention(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """``softmax(Q K^T) V``: both products, for every head; masked positions count as computed."""
    query, key, value = (_shape(tensor) for tensor in inputs[:3])
    *batch, queries, width = query
    return math.prod(batch) * queries * key[-2] * (width + value[-1])


def matrix_product(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """Output elements times the inner size; broadcasting and vectors included."""
    return math.prod(_shape(outputs[0])) * _shape(inputs[0])[-1]


def added_matrix_product(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """``baddbmm`` and ``addmv``: a matrix product whose factors follow the summand."""
    return matrix_product(inputs[1:], outputs)


def convolution_with_named_padding(inputs: Sequence[Any], outputs: Sequence[Any]) -> Counter[str]:
    """A convolution with ``padding="same"`` or ``"valid"``, which is traced as its own operator."""
    shapes = (_shape(inputs[0]), _shape(inputs[1]), _shape(outputs[0]))
    return Counter(conv=int(conv_flop_count(*shapes)))


def recurrence(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """LSTM, GRU or plain RNN: every weight matrix is applied once to every step of every input."""
    steps = math.prod(_shape(inputs[0])[:-1])
    weights = [value for value in inputs if value.node().kind() == "prim::ListConstruct"][-1]
    shapes = [_shape(value) for value in weights.node().inputs()]
    return steps * sum(math.prod(shape) for shape in shapes if len(shape) == 2)


def einsum(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """A product of two operands exactly: the sizes of all indices; one operand counts 0.

    Indices summed away within one operand do not multiply. With three operands or more fvcore's
    estimate, rounded to numpy's printed digits, is taken.
    """
    equation = inputs[0].toIValue().replace(" ", "")
    shapes = [_shape(value) for value in inputs[1].node().inputs()]
    if len(shapes) < 2:
        return 0
    if len(shapes) > 2:
        return int(einsum_flop_jit(list(inputs), list(outputs)))
    left, _, result = equation.partition("->")
    terms = left.split(",")
    if not result:
        letters = Counter(left.replace(",", ""))
        result = "".join(letter for letter, uses in letters.items() if uses == 1)
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        sizes |= _index_sizes(term, shape, sizes)
    shared = set(_indices(terms[0])) & set(_indices(terms[1]))
    kept = {name for name in sizes if name in shared or name in result or len(name) > 1}
    return math.prod(sizes[name] for name in kept)


def _indices(term: str) -> list[str]:
    return [letter for letter in term if letter.isalpha()]


def _index_sizes(term: str, shape: Sequence[int], known: dict[str, int]) -> dict[str, int]:
    """Sizes by index; the dimensions of an ellipsis are named from the right, from ``...1``."""
    before, dots, after = term.partition("...")
    hidden = len(shape) - len(before) - len(after) if dots else 0
    names = [*before, *(f"...{hidden - position}" for position in range(hidden)), *after]
    return {name: max(size, known.get(name, 1)) for name, size in zip(names, shape, strict=True)}


HANDLES: dict[str, Handle] = {
    "aten::_convolution_mode": convolution_with_named_padding,
    "aten::addmv": added_matrix_product,
    "aten::baddbmm": added_matrix_product,
    "aten::dot": matrix_product,
    "aten::einsum": einsum,
    "aten::gru": recurrence,
    "aten::lstm": recurrence,
    "aten::matmul": matrix_product,
    "aten::mv": matrix_product,
    "aten::rnn_relu": recurrence,
    "aten::rnn_tanh": recurrence,
    "aten::scaled_dot_product_attention": attention,
}
