"""MACs and parameters of an ONNX file, from its graph: nothing is executed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import onnx
from onnx import GraphProto, NodeProto, TensorProto

from nas_kd.costs.records import CountRecord
from nas_kd.errors import UsageError

Shape = tuple[int, ...]
Shapes = dict[str, Shape]

_WEIGHT_TYPES = {
    TensorProto.FLOAT,
    TensorProto.FLOAT16,
    TensorProto.BFLOAT16,
    TensorProto.DOUBLE,
    TensorProto.INT8,
    TensorProto.UINT8,
    TensorProto.INT4,
    TensorProto.UINT4,
}
_NOT_COUNTED = {
    "Attention",
    "Einsum",
    "GRU",
    "If",
    "LSTM",
    "Loop",
    "MultiHeadAttention",
    "RNN",
    "Scan",
}
"""Operators that multiply and accumulate, or may hide some that do, and have no count here."""


def count_onnx(path: Path) -> CountRecord:
    """Counts the convolutions and matrix products of an ONNX graph for one input.

    A symbolic first dimension of an input is taken as a batch of one. Parameters are the elements
    of the floating-point and 8-bit initialisers that are used as weights; the running statistics
    of batch normalisation are left out, as they are no parameters in PyTorch. Operators that are
    not counted although they multiply are listed in ``unsupported``.

    Raises:
        UsageError: The file is no ONNX model, or an input other than the batch has no fixed size.
    """
    model = _load(path)
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    _fix_batch(model.graph, path)
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    shapes = _known_shapes(inferred.graph)
    macs, unsupported = 0, Counter[str]()
    for node in inferred.graph.node:
        count = _COUNTERS.get(node.op_type)
        if node.op_type in _NOT_COUNTED or node.domain not in ("", "ai.onnx"):
            unsupported[node.op_type] += 1
        elif count is not None:
            try:
                macs += count(node, shapes)
            except (KeyError, IndexError):
                unsupported[f"{node.op_type} of unknown shape"] += 1
    params = _count_params(model.graph)
    return CountRecord(macs=macs, params=params, unsupported=dict(unsupported))


def _load(path: Path) -> onnx.ModelProto:
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:
        raise UsageError(f"onnx: {path} is not an ONNX model ({error}).") from error
    if not model.graph.node or not _inputs(model.graph):
        raise UsageError(f"onnx: {path} is not an ONNX model (its graph is empty).")
    return model


def _inputs(graph: GraphProto) -> list[onnx.ValueInfoProto]:
    weights = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in weights]


def _fix_batch(graph: GraphProto, path: Path) -> None:
    for value in _inputs(graph):
        for position, dimension in enumerate(value.type.tensor_type.shape.dim):
            if dimension.dim_value > 0:
                continue
            if position > 0:
                raise UsageError(
                    f"onnx: input {value.name!r} of {path} has no fixed size in dimension "
                    f"{position}, so its MACs depend on the input. Export it with fixed sizes "
                    "(only the batch may vary)."
                )
            dimension.dim_value = 1


def _known_shapes(graph: GraphProto) -> Shapes:
    shapes: Shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        dimensions = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(d.dim_value > 0 for d in dimensions):
            shapes[value.name] = tuple(d.dim_value for d in dimensions)
    for node in graph.node:
        if node.op_type == "Constant":
            values = [attribute.t for attribute in node.attribute if attribute.name == "value"]
            shapes.update((node.output[0], tuple(value.dims)) for value in values)
    return shapes


def _count_params(graph: GraphProto) -> int:
    statistics = {
        name
        for node in graph.node
        if node.op_type == "BatchNormalization"
        for name in node.input[3:5]
    }
    return sum(
        math.prod(tensor.dims)
        for tensor in graph.initializer
        if tensor.dims and tensor.data_type in _WEIGHT_TYPES and tensor.name not in statistics
    )


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


_COUNTERS: dict[str, Callable[[NodeProto, Shapes], int]] = {
    "Conv": _convolution,
    "ConvInteger": _convolution,
    "ConvTranspose": _transposed_convolution,
    "Gemm": _gemm,
    "MatMul": _matrix_product,
    "MatMulInteger": _matrix_product,
    "QLinearConv": _quantised_convolution,
    "QLinearMatMul": _matrix_product,
}
