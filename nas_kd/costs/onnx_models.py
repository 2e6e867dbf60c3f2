"""Small helpers on ONNX files for measuring: the reference model and a file's precision."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from nas_kd.errors import UsageError

_CHANNELS = 16
_CONVOLUTIONS = 4
_IMAGE = 32
_INT8_OPERATORS = {
    "ConvInteger",
    "DynamicQuantizeLinear",
    "MatMulInteger",
    "QLinearConv",
    "QLinearMatMul",
}
_INT8_TYPES = {TensorProto.INT8, TensorProto.UINT8}
_PRECISIONS = {
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
    TensorProto.DOUBLE: "float64",
}


def write_reference_model(path: Path) -> Path:
    """Writes the fixed model whose time tells how steady a machine is.

    Four 3x3 convolutions with 16 channels on a 32x32 map, each followed by a ReLU; the weights are
    fixed, so the file is the same everywhere.
    """
    generator = np.random.default_rng(0)
    nodes, weights, current = [], [], "images"
    for index in range(_CONVOLUTIONS):
        shape = (_CHANNELS, _CHANNELS, 3, 3)
        values = generator.standard_normal(shape).astype(np.float32) / (3 * math.sqrt(_CHANNELS))
        weights.append(numpy_helper.from_array(values, f"weight{index}"))
        nodes += [
            helper.make_node("Conv", [current, f"weight{index}"], [f"map{index}"], pads=[1] * 4),
            helper.make_node("Relu", [f"map{index}"], [f"active{index}"]),
        ]
        current = f"active{index}"
    shape_of_all = [1, _CHANNELS, _IMAGE, _IMAGE]
    ends = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, shape_of_all)
        for n in ("images", current)
    ]
    graph = helper.make_graph(nodes, "reference", ends[:1], ends[1:], weights)
    opset = helper.make_opsetid("", 17)
    path.write_bytes(
        helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()
    )
    return path


def onnx_precision(path: Path) -> str:
    """The precision in which the file computes.

    ``int8`` when activations are quantised to 8 bits, by operators on integers or by
    ``QuantizeLinear``; else the type of most of its weights. Weights that are only stored as
    integers, and turned into floats before they are used, do not make a file ``int8``.

    Raises:
        UsageError: The file does not exist or is no ONNX model.
    """
    if not path.is_file():
        raise UsageError(f"onnx: there is no file {path}. Give an ONNX file.")
    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except Exception as error:
        raise UsageError(f"onnx: {path} is not an ONNX model ({error}).") from error
    if not graph.node:
        raise UsageError(f"onnx: {path} is not an ONNX model (its graph is empty).")
    if _has_int8_activations(graph):
        return "int8"
    elements = Counter[str]()
    for tensor in graph.initializer:
        if tensor.data_type in _PRECISIONS:
            elements[_PRECISIONS[tensor.data_type]] += math.prod(tensor.dims)
    return elements.most_common(1)[0][0] if elements else "float32"


def _has_int8_activations(graph: onnx.GraphProto) -> bool:
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    return any(
        node.op_type in _INT8_OPERATORS
        or (node.op_type == "QuantizeLinear" and _zero_point_type(node, types) in _INT8_TYPES)
        for node in graph.node
    )


def _zero_point_type(node: onnx.NodeProto, types: Mapping[str, int]) -> int:
    """The type to which the node quantises; bytes where its zero point is left out."""
    return types.get(node.input[2], TensorProto.UINT8) if len(node.input) > 2 else TensorProto.UINT8
