"""Multiply-accumulates of traced operators: the handles that fvcore lacks or has inexact.

A handle takes the traced node's inputs and outputs (``torch._C.Value``) and returns the count.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from fvcore.nn.jit_handles import conv_flop_count, get_shape

from nas_kd.costs.einsum_count import einsum_macs
from nas_kd.costs.product_bound import product_bound

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


def _shape(value: Any) -> list[int]:
    """The traced tensor's shape; ``[]`` for a scalar or anything that is no tensor."""
    return [int(size) for size in get_shape(value) or []]


def _elements(value: Any) -> int:
    return math.prod(_shape(value))


def attention(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """``softmax(Q K^T) V``: both products, for every query head and query.

    Masked positions count as computed, and so do key heads that several query heads share.
    """
    query, key, value = (_shape(tensor) for tensor in inputs[:3])
    queries = math.prod(_shape(outputs[0])[:-1])
    return queries * key[-2] * (query[-1] + value[-1])


def matrix_product(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """Output elements times the inner size; broadcasting and vectors included."""
    return _elements(outputs[0]) * _shape(inputs[0])[-1]


def added_matrix_product(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """``addmm``, ``baddbmm`` and ``addmv``: a matrix product whose factors follow the summand."""
    return matrix_product(inputs[1:], outputs)


def summed_matrix_products(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """``addbmm``: matrix products summed over their batch, added to a matrix."""
    return _elements(inputs[1]) * _shape(inputs[2])[-1]


def grouped_matrix_product(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """A product in groups, as for the experts of a mixture.

    Of two matrices the inner dimension is split among the groups, so each group has its part of
    it; else rows or columns are split, and every output element has the whole inner dimension.
    """
    left, right = _shape(inputs[0]), _shape(inputs[1])
    if len(left) == len(right) == 2:
        return math.prod(left) * right[-1]
    return matrix_product(inputs, outputs)


def tensor_contraction(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """``tensordot``: output elements times contracted ones.

    With ``c`` contracted elements the operands have ``a c`` and ``c b`` elements and the result
    ``a b``, so that the product of the three is the square of ``a b c``.
    """
    return math.isqrt(math.prod(_elements(value) for value in (*inputs[:2], outputs[0])))


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


def recurrent_cell(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """One step of an LSTM, GRU or plain RNN: its two weight matrices, for every input."""
    return math.prod(_shape(inputs[0])[:-1]) * sum(_elements(weight) for weight in inputs[2:4])


def einsum(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """A sum of products, in the order in which PyTorch contracts its operands."""
    shapes = [_shape(value) for value in inputs[1].node().inputs()]
    path = [value.toIValue() for value in inputs[2].node().inputs()] if len(inputs) > 2 else None
    return einsum_macs(inputs[0].toIValue(), shapes, path)


def bounding_handle(operator: str, bounds: dict[str, int | None]) -> Handle:
    """A handle that counts nothing, and adds to ``bounds`` what the operator holds at the most.

    The bound of an operator is None as soon as one of its calls has a tensor of unknown shape.
    """

    def handle(inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
        so_far = bounds.get(operator, 0)
        bound = product_bound(_tensor_shapes(inputs), _tensor_shapes(outputs))
        bounds[operator] = None if so_far is None or bound is None else so_far + bound
        return 0

    return handle


def _tensor_shapes(values: Iterable[Any]) -> Iterator[list[int] | None]:
    """Shapes of the tensors among traced values and in lists of them; None where one is unknown."""
    for value in values:
        kind = value.type().kind()
        if value.node().kind() == "prim::ListConstruct":
            yield from _tensor_shapes(value.node().inputs())
        elif kind == "TensorType":
            yield _shape(value) if value.isCompleteTensor() else None
        elif kind == "ListType" and value.type().getElementType().kind() == "TensorType":
            yield None


HANDLES: dict[str, Handle] = {
    "aten::_convolution_mode": convolution_with_named_padding,
    "aten::_grouped_mm": grouped_matrix_product,
    "aten::_scaled_dot_product_cudnn_attention": attention,
    "aten::_scaled_dot_product_efficient_attention": attention,
    "aten::_scaled_dot_product_flash_attention": attention,
    "aten::_scaled_dot_product_flash_attention_for_cpu": attention,
    "aten::addbmm": summed_matrix_products,
    "aten::addmm_": added_matrix_product,
    "aten::addmv": added_matrix_product,
    "aten::baddbmm": added_matrix_product,
    "aten::baddbmm_": added_matrix_product,
    "aten::dot": matrix_product,
    "aten::einsum": einsum,
    "aten::gru": recurrence,
    "aten::gru_cell": recurrent_cell,
    "aten::inner": matrix_product,
    "aten::lstm": recurrence,
    "aten::lstm_cell": recurrent_cell,
    "aten::matmul": matrix_product,
    "aten::mv": matrix_product,
    "aten::rnn_relu": recurrence,
    "aten::rnn_relu_cell": recurrent_cell,
    "aten::rnn_tanh": recurrence,
    "aten::rnn_tanh_cell": recurrent_cell,
    "aten::scaled_dot_product_attention": attention,
    "aten::tensordot": tensor_contraction,
    "transformers::grouped_mm_fallback": grouped_matrix_product,
}
