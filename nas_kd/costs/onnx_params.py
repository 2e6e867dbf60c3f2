"""Parameters of an ONNX graph: which of its constants are weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from onnx import GraphProto, TensorProto

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

_NO_PARAMETERS = {
    "BatchNormalization": (3, 4),
    "ConvInteger": (2, 3),
    "DequantizeLinear": (1, 2),
    "MatMulInteger": (2, 3),
    "QGemm": (1, 2, 4, 5, 7, 8),
    "QLinearConv": (1, 2, 4, 5, 6, 7),
    "QLinearMatMul": (1, 2, 4, 5, 6, 7),
    "QuantizeLinear": (1, 2),
}
"""Inputs that hold running statistics, scales or zero points, by operator."""

_INTEGER_BIASES = {"DequantizeLinear": (0,), "QGemm": (6,), "QLinearConv": (8,)}
"""Inputs that may hold a bias as 32-bit integers, by operator."""

_WEIGHTS = {
    "BatchNormalization": (1, 2),
    "Conv": (1, 2),
    "ConvInteger": (1,),
    "ConvTranspose": (1, 2),
    "DequantizeLinear": (0,),
    "GRU": (1, 2, 3),
    "Gemm": (0, 1, 2),
    "LSTM": (1, 2, 3),
    "LayerNormalization": (1, 2),
    "MatMul": (0, 1),
    "MatMulInteger": (0, 1),
    "QLinearConv": (3, 8),
    "QLinearMatMul": (0, 3),
    "RNN": (1, 2, 3),
}
"""Inputs that are weights wherever they are constants, by operator."""

_PASSES_ON = {"Cast", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}
"""Operators whose result holds the elements of their first input."""


def count_params(graph: GraphProto) -> int:
    """Elements of the weights, each tensor once.

    Initialisers are weights by their type, unless they hold running statistics, scales or zero
    points. ``Constant`` nodes hold much else, such as factors and masks: they count where an
    operator takes them for its weights.
    """
    left_out = _names_at(graph, _NO_PARAMETERS) | _scales_beside_dynamic_ones(graph)
    biases = _names_at(graph, _INTEGER_BIASES)
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    weights = _with_origins(graph, _names_at(graph, _WEIGHTS))
    tensors |= {name: tensor for name, tensor in _constants(graph) if name in weights}
    return sum(
        math.prod(tensor.dims)
        for name, tensor in tensors.items()
        if tensor.dims
        and name not in left_out
        and (tensor.data_type in _WEIGHT_TYPES or name in biases)
    )


def _constants(graph: GraphProto) -> Iterator[tuple[str, TensorProto]]:
    for node in graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    yield node.output[0], attribute.t


def _with_origins(graph: GraphProto, names: set[str]) -> set[str]:
    """The names, and those of the tensors whose elements they hold in another form."""
    origins = set(names)
    for node in reversed(graph.node):
        if node.op_type in _PASSES_ON and origins.intersection(node.output):
            origins.update(node.input[:1])
    return origins


def _scales_beside_dynamic_ones(graph: GraphProto) -> set[str]:
    """What is multiplied with a scale that is found as the model runs: the scale of weights."""
    dynamic = {
        name
        for node in graph.node
        if node.op_type == "DynamicQuantizeLinear"
        for name in node.output[1:2]
    }
    return {
        name
        for node in graph.node
        if node.op_type == "Mul" and dynamic.intersection(node.input)
        for name in node.input
    }


def _names_at(graph: GraphProto, positions: Mapping[str, Sequence[int]]) -> set[str]:
    """Names of the tensors at these input positions of these operators."""
    return {
        name
        for node in graph.node
        for position, name in enumerate(node.input)
        if position in positions.get(node.op_type, ())
    }
