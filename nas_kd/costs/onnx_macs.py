"""MACs and parameters of an ONNX file, from its graph: nothing is executed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import onnx
import onnx.inliner
from onnx import NodeProto

from nas_kd.costs.einsum_count import einsum_macs
from nas_kd.costs.onnx_batch import batch_size, graph_inputs, set_batch_of_one
from nas_kd.costs.onnx_params import count_params
from nas_kd.costs.onnx_shapes import Shapes, is_standard, tensor_shapes
from nas_kd.costs.product_bound import product_bound
from nas_kd.costs.records import CountRecord
from nas_kd.errors import UsageError

_NOT_COUNTED = {
    "AffineGrid",
    "CausalConvWithState",
    "DFT",
    "DeformConv",
    "Det",
    "If",
    "LinearAttention",
    "Loop",
    "MelWeightMatrix",
    "STFT",
    "Scan",
    "SequenceMap",
}
"""Operators that multiply and accumulate, or may hide some that do, and have no count here."""


def count_onnx(path: Path) -> CountRecord:
    """Counts convolutions, matrix products, attention and recurrences of a graph, for one input.

    A symbolic first dimension of an input is taken as a batch of one; where the inputs and outputs
    share a fixed one (`nas_kd.costs.onnx_batch.batch_size`), the MACs are divided by it. Parameters
    are the elements of the floating-point and 8-bit constants that are used as weights; the
    running statistics of batch normalisation and the scales and zero points of quantisation are
    left out, as they are no parameters in PyTorch. Operators that are not counted although they
    multiply are listed in ``unsupported``, with the most that they can hold where their shapes are
    known.

    Raises:
        UsageError: The file is no ONNX model, is damaged, or an input other than the batch has no
            fixed size.
    """
    model = _load(path)
    set_batch_of_one(model.graph, path)
    shapes = _shapes(model, path)
    batch = batch_size(model.graph, shapes)
    macs, unsupported = Counter[str](), Counter[str]()
    bounds: dict[str, int | None] = {}
    for node in model.graph.node:
        count = _count(node, shapes)
        if count is None:
            name = _label(node)
            unsupported[name] += 1
            bounds[name] = _sum(bounds.get(name, 0), _bound(node, shapes, batch))
        elif count > 0:
            macs[node.op_type] += -(-count // batch)
    return CountRecord(
        macs=macs.total(),
        params=count_params(model.graph),
        unsupported=dict(unsupported),
        by_operator=dict(macs),
        unsupported_at_most={name: bound for name, bound in bounds.items() if bound is not None},
    )


def _count(node: NodeProto, shapes: Shapes) -> int | None:
    """The node's MACs; None where it may have some and they cannot be counted."""
    if not is_standard(node):
        return None
    counter = _COUNTERS.get(node.op_type)
    if counter is None:
        return None if node.op_type in _NOT_COUNTED else 0
    try:
        return counter(node, shapes)
    except (LookupError, ValueError):
        return None


def _label(node: NodeProto) -> str:
    counted = is_standard(node) and node.op_type in _COUNTERS
    return f"{node.op_type} of unknown shape" if counted else node.op_type


def _bound(node: NodeProto, shapes: Shapes, batch: int) -> int | None:
    """The most that one call can hold for one input.

    None where it runs other graphs or a shape is unknown.
    """
    if any(attribute.HasField("g") for attribute in node.attribute):
        return None
    taken, given = ([name for name in names if name] for names in (node.input, node.output))
    bound = product_bound(map(shapes.get, taken), map(shapes.get, given))
    return None if bound is None else -(-bound // batch)


def _sum(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left + right


def _load(path: Path) -> onnx.ModelProto:
    """The model, with the functions that it defines written out."""
    try:
        model = onnx.load(str(path), load_external_data=False)
        if model.functions:
            model = onnx.inliner.inline_local_functions(model)
    except Exception as error:
        raise UsageError(f"onnx: {path} is not an ONNX model ({error}).") from error
    if not model.graph.node or not graph_inputs(model.graph):
        raise UsageError(f"onnx: {path} is not an ONNX model (its graph is empty).")
    return model


def _shapes(model: onnx.ModelProto, path: Path) -> Shapes:
    try:
        return tensor_shapes(model)
    except ValueError as error:
        raise UsageError(f"onnx: {path} is damaged ({error}). Export it again.") from error


def _convolution(node: NodeProto, shapes: Shapes, weight: int = 1) -> int:
    """Output elements times weights of one output channel."""
    kernel = shapes[node.input[weight]]
    return math.prod(shapes[node.output[0]]) * math.prod(kernel[1:])


def _quantised_convolution(node: NodeProto, shapes: Shapes) -> int:
    return _convolution(node, shapes, weight=3)


def _transposed_convolution(node: NodeProto, shapes: Shapes) -> int:
    """Input elements times weights of one input channel."""
    return math.prod(shapes[node.input[0]]) * math.prod(shapes[node.input[1]][1:])


def _gemm(node: NodeProto, shapes: Shapes) -> int:
    transposed = any(a.name == "transA" and a.i for a in node.attribute)
    inner = shapes[node.input[0]][0 if transposed else 1]
    return math.prod(shapes[node.output[0]]) * inner


def _matrix_product(node: NodeProto, shapes: Shapes) -> int:
    return math.prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]


def _einsum(node: NodeProto, shapes: Shapes) -> int:
    equation = "".join(a.s.decode() for a in node.attribute if a.name == "equation")
    return einsum_macs(equation, [shapes[name] for name in node.input])


def _attention(node: NodeProto, shapes: Shapes) -> int:
    """Both products: every element of queries and result meets every key, past ones included."""
    past = shapes[node.input[4]][-2] if len(node.input) > 4 and node.input[4] else 0
    keys = shapes[node.input[1]][-2] + past
    return keys * (math.prod(shapes[node.input[0]]) + math.prod(shapes[node.output[0]]))


def _recurrence(node: NodeProto, shapes: Shapes) -> int:
    """Both weight matrices of every direction, for every step of every input."""
    *steps, _ = shapes[node.input[0]]
    return math.prod(steps) * sum(math.prod(shapes[name]) for name in node.input[1:3])


_COUNTERS: dict[str, Callable[[NodeProto, Shapes], int]] = {
    "Attention": _attention,
    "Conv": _convolution,
    "ConvInteger": _convolution,
    "ConvTranspose": _transposed_convolution,
    "Einsum": _einsum,
    "GRU": _recurrence,
    "Gemm": _gemm,
    "LSTM": _recurrence,
    "MatMul": _matrix_product,
    "MatMulInteger": _matrix_product,
    "QLinearConv": _quantised_convolution,
    "QLinearMatMul": _matrix_product,
    "RNN": _recurrence,
}
