"""Sizes that are computed inside an ONNX graph are followed, and nothing else is."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from nas_kd.costs.onnx_shapes import tensor_shapes

SHAPE = (2, 6, 4)


def graph(nodes: list[NodeProto], *, opset: int = 18, **weights: np.ndarray) -> onnx.ModelProto:
    """A model of one input ``x``; its last node gives the output."""
    output = helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)
    tensors = [numpy_helper.from_array(values, name) for name, values in weights.items()]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)]
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.example", 1)]
    return helper.make_model(
        helper.make_graph(nodes, "g", inputs, [output], tensors), opset_imports=opsets
    )


def integers(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_a_size_that_is_taken_from_the_input_and_computed_with() -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["sizes"]),
        helper.make_node("Gather", ["sizes", "second"], ["six"]),
        helper.make_node("Div", ["six", "two"], ["three"]),
        helper.make_node("Concat", ["two", "three", "rest"], ["target"], axis=0),
        helper.make_node("Reshape", ["x", "target"], ["y"]),
        helper.make_node("Slice", ["y", "zero", "two", "one"], ["z"]),
    ]
    values = {"second": integers(1), "two": integers(2), "rest": integers(-1)}
    model = graph(nodes, **values, zero=integers(0), one=integers(1))
    shapes = tensor_shapes(model)
    assert (shapes["y"], shapes["z"]) == ((2, 3, 8), (2, 2, 8))


def test_part_of_a_shape() -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["sizes"], start=-2),
        helper.make_node("ConstantOfShape", ["sizes"], ["y"]),
    ]
    assert tensor_shapes(graph(nodes))["y"] == (6, 4)


def test_operators_keep_the_meaning_of_their_version() -> None:
    nodes = [
        helper.make_node("ReduceSum", ["counts"], ["total"], axes=[0], keepdims=1),
        helper.make_node("ConstantOfShape", ["total"], ["y"]),
    ]
    model = graph(nodes, opset=11, counts=integers(2, 3))
    assert tensor_shapes(model)["y"] == (5,)


def test_what_depends_on_the_values_of_the_input_stays_unknown() -> None:
    nodes = [helper.make_node("NonZero", ["x"], ["y"]), helper.make_node("Abs", ["y"], ["z"])]
    shapes = tensor_shapes(graph(nodes))
    assert shapes["x"] == SHAPE
    assert not {"y", "z"} & shapes.keys()


def test_operators_from_elsewhere_are_not_looked_into() -> None:
    nodes = [
        helper.make_node("Identity", ["x"], ["y"], domain="com.example"),
        helper.make_node("Abs", ["y"], ["z"]),
    ]
    assert not {"y", "z"} & tensor_shapes(graph(nodes)).keys()


def test_a_stated_shape_helps_where_nothing_is_known() -> None:
    nodes = [
        helper.make_node("Identity", ["x"], ["y"], domain="com.example"),
        helper.make_node("Abs", ["y"], ["z"]),
    ]
    model = graph(nodes)
    model.graph.value_info.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [7]))
    assert tensor_shapes(model)["z"] == (7,)


def test_large_values_are_not_computed() -> None:
    nodes = [
        helper.make_node("ConstantOfShape", ["huge"], ["y"]),
        helper.make_node("Add", ["y", "y"], ["z"]),
    ]
    model = graph(nodes, huge=integers(10**9, 10**9))
    assert tensor_shapes(model)["z"] == (10**9, 10**9)
