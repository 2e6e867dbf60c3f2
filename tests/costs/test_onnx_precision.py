"""In which numbers a file computes, whatever it stores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from nas_kd.costs.onnx_models import onnx_precision


def write(path: Path, nodes: list[NodeProto], **constants: np.ndarray) -> Path:
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4])
        for name in ("images", "logits")
    ]
    weights = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "graph", ends[:1], ends[1:], weights)
    opset = helper.make_opsetid("", 21)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=10), str(path))
    return path


def quantised(zero_point: np.ndarray) -> dict[str, object]:
    """The product of quantised activations and a float matrix."""
    names = ["scale", "zero"]
    return {
        "nodes": [
            helper.make_node("QuantizeLinear", ["images", *names], ["integers"]),
            helper.make_node("DequantizeLinear", ["integers", *names], ["floats"]),
            helper.make_node("MatMul", ["floats", "weight"], ["logits"]),
        ],
        "scale": np.array(0.1, np.float32),
        "zero": zero_point,
        "weight": np.eye(4, dtype=np.float32),
    }


@pytest.mark.parametrize(
    ("kind", "precision"), [(np.uint8, "int8"), (np.int8, "int8"), (np.int16, "float32")]
)
def test_quantised_activations(tmp_path: Path, kind: type, precision: str) -> None:
    path = write(tmp_path / "model.onnx", **quantised(np.array(0, kind)))  # type: ignore[arg-type]
    assert onnx_precision(path) == precision


def test_bytes_are_what_a_missing_zero_point_means(tmp_path: Path) -> None:
    parts = quantised(np.array(0, np.uint8))
    for node in parts["nodes"][:2]:  # type: ignore[index]
        del node.input[2:]
    assert onnx_precision(write(tmp_path / "model.onnx", **parts)) == "int8"  # type: ignore[arg-type]


def test_weights_that_are_only_stored_in_int8(tmp_path: Path) -> None:
    path = write(
        tmp_path / "model.onnx",
        [
            helper.make_node("DequantizeLinear", ["stored", "scale", "zero"], ["weight"]),
            helper.make_node("MatMul", ["images", "weight"], ["logits"]),
        ],
        stored=np.eye(4, dtype=np.int8),
        scale=np.array(0.1, np.float32),
        zero=np.array(0, np.int8),
    )
    assert onnx_precision(path) == "float32"


def test_dynamic_quantisation(tmp_path: Path) -> None:
    path = write(
        tmp_path / "model.onnx",
        [
            helper.make_node("DynamicQuantizeLinear", ["images"], ["integers", "scale", "zero"]),
            helper.make_node("MatMulInteger", ["integers", "weight", "zero"], ["sums"]),
            helper.make_node("Cast", ["sums"], ["logits"], to=TensorProto.FLOAT),
        ],
        weight=np.eye(4, dtype=np.int8),
    )
    assert onnx_precision(path) == "int8"
