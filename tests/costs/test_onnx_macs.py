"""Counting an ONNX graph agrees with counting the module that it came from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from nas_kd.costs import count_macs
from nas_kd.costs.onnx_macs import count_onnx
from nas_kd.errors import UsageError
from nas_kd.export import export_onnx
from search_spaces import Task, create_space

TASK = Task(in_channels=3, image_size=16, num_classes=7)


class _Mixed(nn.Module):
    """Grouped, strided, dilated and transposed convolutions, and matrix products."""

    def __init__(self) -> None:
        super().__init__()
        self.grouped = nn.Conv2d(3, 6, 3, stride=2, groups=3)
        self.dilated = nn.Conv2d(6, 4, 3, dilation=2, padding=2, bias=False)
        self.up = nn.ConvTranspose2d(4, 5, 3, stride=2)
        self.linear = nn.Linear(5, 7)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.up(self.dilated(self.grouped(images)))
        tokens = maps.flatten(2).transpose(1, 2)
        attention = (tokens @ tokens.transpose(1, 2)).softmax(-1)
        return self.linear((attention @ tokens).mean(1))


@pytest.mark.parametrize("text", ["0", "9930", "15624"])
def test_students_count_the_same_in_both_forms(text: str, tmp_path: Path) -> None:
    space = create_space("nasbench201", channels=4, cells_per_stage=1)
    student = space.build(space.parse(text), TASK).eval()
    path = export_onnx(student, TASK.input_shape, tmp_path / "student.onnx")
    assert count_onnx(path).macs == count_macs(student, TASK.input_shape).macs


def test_every_kind_of_product_is_counted(tmp_path: Path) -> None:
    module = _Mixed().eval()
    record = count_onnx(export_onnx(module, TASK.input_shape, tmp_path / "mixed.onnx"))
    assert record.macs == count_macs(module, TASK.input_shape).macs
    assert record.params == sum(parameter.numel() for parameter in module.parameters())
    assert record.unsupported == {}


@pytest.mark.parametrize(
    ("node", "shapes", "macs"),
    [
        (helper.make_node("Einsum", ["x", "x"], ["y"], equation="bi,bi->b"), {"x": (1, 4)}, 4),
        (
            helper.make_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=6),
            {"x": (5, 1, 8), "w": (1, 24, 8), "r": (1, 24, 6)},
            5 * 24 * (8 + 6),
        ),
        (
            helper.make_node(
                "GRU", ["x", "w", "r"], ["y"], hidden_size=6, direction="bidirectional"
            ),
            {"x": (5, 1, 8), "w": (2, 18, 8), "r": (2, 18, 6)},
            2 * 5 * 18 * (8 + 6),
        ),
        (
            helper.make_node("Attention", ["q", "k", "v"], ["y"]),
            {"q": (1, 2, 3, 4), "k": (1, 2, 5, 4), "v": (1, 2, 5, 6)},
            2 * 3 * 5 * (4 + 6),
        ),
    ],
    ids=lambda value: getattr(value, "op_type", None),
)
def test_counts_by_hand(
    node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]], macs: int, tmp_path: Path
) -> None:
    record = count_onnx(_model(tmp_path, [node], shapes))
    assert record.by_operator == {node.op_type: macs}
    assert (record.macs, record.unsupported, record.unsupported_share) == (macs, {}, 0.0)


def test_what_is_not_counted_is_listed_with_its_bound(tmp_path: Path) -> None:
    nodes = [helper.make_node("Det", ["x"], ["d"]), helper.make_node("Identity", ["d"], ["y"])]
    record = count_onnx(_model(tmp_path, nodes, {"x": ("batch", 4, 4)}))
    assert (record.macs, record.unsupported) == (0, {"Det": 1})
    assert record.unsupported_at_most == {"Det": 16}


def test_an_unknown_operator_is_listed(tmp_path: Path) -> None:
    node = helper.make_node("Magic", ["x"], ["y"], domain="com.example")
    record = count_onnx(_model(tmp_path, [node], {"x": ("batch", 4)}))
    assert record.unsupported == {"Magic": 1}
    assert record.unsupported_share is None


def test_a_graph_inside_an_operator_has_no_bound(tmp_path: Path) -> None:
    inner = [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1])]
    branch = helper.make_graph([helper.make_node("ReduceSum", ["x"], ["z"])], "branch", [], inner)
    yes = helper.make_node("Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True)))
    node = helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch)
    record = count_onnx(_model(tmp_path, [yes, node], {"x": (1, 4)}))
    assert record.unsupported == {"If": 1}
    assert record.unsupported_share is None


def test_int8_weights_count_without_their_scales(tmp_path: Path) -> None:
    """A convolution of 8-bit weights and a 32-bit bias, each with a scale for every channel."""
    weights = {
        "w8": np.ones((4, 3, 3, 3), np.int8),
        "b32": np.ones(4, np.int32),
        "scale": np.ones(4, np.float32),
        "zero8": np.zeros(4, np.int8),
        "zero32": np.zeros(4, np.int32),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["w8", "scale", "zero8"], ["w"], axis=0),
        helper.make_node("DequantizeLinear", ["b32", "scale", "zero32"], ["b"], axis=0),
        helper.make_node("Conv", ["x", "w", "b"], ["y"]),
    ]
    record = count_onnx(_model(tmp_path, nodes, {"x": ("batch", 3, 8, 8)}, weights))
    assert record.params == 4 * 3 * 3 * 3 + 4
    assert record.macs == 6 * 6 * 4 * 27


@pytest.mark.parametrize("content", [b"", b"hello", b"\x08\x07"])
def test_what_is_no_model_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is not an ONNX model"):
        count_onnx(path)


@pytest.mark.parametrize("batch", ["batch", 8])
def test_a_fixed_batch_counts_for_one_input(batch: int | str, tmp_path: Path) -> None:
    """Exporters write a fixed batch into the sizes in the graph."""
    weights = {
        "w": np.ones((4, 3, 3, 3), np.float32),
        "tokens": np.array([8 if batch == 8 else 0, 4, 36]),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["maps"]),
        helper.make_node("Reshape", ["maps", "tokens"], ["keys"]),
        helper.make_node("Transpose", ["keys"], ["queries"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["queries", "keys"], ["scores"]),
        helper.make_node("Det", ["scores"], ["y"]),
    ]
    record = count_onnx(_model(tmp_path, nodes, {"x": (batch, 3, 8, 8)}, weights))
    assert record.by_operator == {"Conv": 36 * 4 * 27, "MatMul": 36 * 36 * 4}
    assert record.unsupported_at_most["Det"] <= 8 * 36 * 36


def test_channels_and_steps_are_no_batch(tmp_path: Path) -> None:
    weights = {
        "w": np.ones((3, 3, 1, 1), np.float32),
        "first": np.array([0]),
        "wi": np.ones((1, 24, 8), np.float32),
        "wh": np.ones((1, 24, 6), np.float32),
        "square": np.ones((9, 9), np.float32),
    }
    image = [
        helper.make_node("Unsqueeze", ["x", "first"], ["images"]),
        helper.make_node("Conv", ["images", "w"], ["maps"]),
        helper.make_node("Squeeze", ["maps", "first"], ["y"]),
    ]
    steps = [helper.make_node("LSTM", ["x", "wi", "wh"], ["y"], hidden_size=6)]
    vector = [helper.make_node("MatMul", ["x", "square"], ["y"])]
    assert count_onnx(_model(tmp_path, image, {"x": (3, 5, 5)}, weights)).macs == 25 * 9
    assert count_onnx(_model(tmp_path, steps, {"x": (5, 1, 8)}, weights)).macs == 5 * 24 * 14
    assert count_onnx(_model(tmp_path, vector, {"x": (9,)}, weights)).macs == 81


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.UNDEFINED, 999])
def test_a_damaged_weight_is_refused(kind: int, tmp_path: Path) -> None:
    path = _model(tmp_path, [helper.make_node("Add", ["x", "w"], ["y"])], {"x": ("batch", 4)})
    model = onnx.load(str(path))
    model.graph.initializer.append(
        TensorProto(name="w", data_type=kind, dims=[4], raw_data=bytes(12))
    )
    onnx.save(model, str(path))
    with pytest.raises(UsageError, match=r"model\.onnx is damaged .*'w'.*Export it again"):
        count_onnx(path)


def test_functions_of_the_file_are_counted_in_a_fresh_process(tmp_path: Path) -> None:
    path = _with_function(tmp_path, helper.make_node("MatMul", ["a", "w"], ["c"]))
    code = (
        "import sys; from pathlib import Path; from nas_kd.costs.onnx_macs import count_onnx; "
        "print(count_onnx(Path(sys.argv[1])).by_operator)"
    )
    counted = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert counted.stdout == "{'MatMul': 12}\n", counted.stderr


def test_a_function_of_itself_is_refused(tmp_path: Path) -> None:
    itself = helper.make_node("F", ["a", "w"], ["c"], domain="com.example")
    with pytest.raises(UsageError, match="recursive"):
        count_onnx(_with_function(tmp_path, itself))


def _with_function(folder: Path, body: onnx.NodeProto) -> Path:
    """A file that calls the function ``F`` of ``body``."""
    call = helper.make_node("F", ["x", "w"], ["y"], domain="com.example")
    path = _model(folder, [call], {"x": ("batch", 4)}, {"w": np.ones((4, 3), np.float32)})
    model = onnx.load(str(path))
    opsets = list(model.opset_import)
    model.functions.append(
        helper.make_function("com.example", "F", ["a", "w"], ["c"], [body], opsets)
    )
    onnx.save(model, str(path))
    return path


def _model(
    folder: Path,
    nodes: list[onnx.NodeProto],
    shapes: dict[str, tuple[int | str, ...]],
    weights: dict[str, np.ndarray] | None = None,
) -> Path:
    """A file with these inputs, of which ``y`` of unknown shape is the output."""
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    tensors = [numpy_helper.from_array(values, name) for name, values in (weights or {}).items()]
    graph = helper.make_graph(nodes, "g", inputs, [output], tensors)
    opsets = [helper.make_opsetid("", 23), helper.make_opsetid("com.example", 1)]
    path = folder / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets), str(path))
    return path
