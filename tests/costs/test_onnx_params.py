"""Which constants of an ONNX graph are parameters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from nas_kd.costs.onnx_params import count_params


def _constant(name: str, values: np.ndarray) -> NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(values))


def _graph(nodes: list[NodeProto], weights: Mapping[str, np.ndarray] | None = None) -> GraphProto:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "y")]
    tensors = [numpy_helper.from_array(values, name) for name, values in (weights or {}).items()]
    return helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors)


def test_constant_nodes_count_where_they_are_weights() -> None:
    nodes = [
        _constant("w", np.ones((4, 3, 3, 3), np.float32)),
        _constant("b", np.ones(4, np.float32)),
        _constant("mask", np.ones((1, 4, 6, 6), np.float32)),
        _constant("shape", np.array([1, 144])),
        _constant("half", np.ones((10, 144), np.float16)),
        helper.make_node("Conv", ["x", "w", "b"], ["maps"]),
        helper.make_node("Mul", ["maps", "mask"], ["masked"]),
        helper.make_node("Reshape", ["masked", "shape"], ["flat"]),
        helper.make_node("Cast", ["half"], ["full"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["full"], ["matrix"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["first"]),
        helper.make_node("MatMul", ["first", "matrix"], ["y"]),
    ]
    assert count_params(_graph(nodes)) == 4 * 27 + 4 + 10 * 144


def test_quantised_constants_count_without_scales() -> None:
    nodes = [
        _constant("w", np.ones((8, 5), np.int8)),
        _constant("scale", np.ones(5, np.float32)),
        _constant("zero", np.ones(5, np.int8)),
        helper.make_node("DequantizeLinear", ["w", "scale", "zero"], ["matrix"], axis=1),
        helper.make_node("MatMul", ["x", "matrix"], ["y"]),
    ]
    assert count_params(_graph(nodes)) == 8 * 5


def test_a_quantised_product_of_onnx_runtime_counts_weights_and_bias() -> None:
    weights: dict[str, np.ndarray] = {
        "scale": np.ones((), np.float32),
        "zero": np.ones((), np.uint8),
        "w": np.ones((8, 5), np.int8),
        "scales": np.ones(5, np.float32),
        "zeros": np.ones(5, np.int8),
        "bias": np.ones(5, np.int32),
    }
    inputs = ["x", "scale", "zero", "w", "scales", "zeros", "bias", "scale", "zero"]
    product = helper.make_node("QGemm", inputs, ["y"], domain="com.microsoft")
    assert count_params(_graph([product], weights)) == 8 * 5 + 5


@pytest.mark.parametrize("order", [1, -1])
def test_scales_of_dynamic_quantisation_are_left_out(order: int) -> None:
    weights: dict[str, np.ndarray] = {
        "w": np.ones((8, 5), np.int8),
        "zero": np.zeros(5, np.int8),
        "scale": np.ones(5, np.float32),
        "factor": np.ones(5, np.float32),
    }
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["x8", "x_scale", "x_zero"]),
        helper.make_node("MatMulInteger", ["x8", "w", "x_zero", "zero"], ["sums"]),
        helper.make_node("Cast", ["sums"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["x_scale", "scale"][::order], ["both"]),
        helper.make_node("Mul", ["numbers", "both"], ["scaled"]),
        helper.make_node("Mul", ["scaled", "factor"], ["y"]),
    ]
    assert count_params(_graph(nodes, weights)) == 8 * 5 + 5
