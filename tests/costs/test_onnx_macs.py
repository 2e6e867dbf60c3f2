"""Counting an ONNX graph agrees with counting the module that it came from."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch
from onnx import TensorProto, helper
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


def test_what_is_not_counted_is_listed(tmp_path: Path) -> None:
    path = _model(tmp_path, helper.make_node("Einsum", ["x", "x"], ["y"], equation="bi,bi->bi"))
    record = count_onnx(path)
    assert (record.macs, record.unsupported) == (0, {"Einsum": 1})


def test_an_unknown_operator_is_listed(tmp_path: Path) -> None:
    path = _model(tmp_path, helper.make_node("Magic", ["x"], ["y"], domain="com.example"))
    assert count_onnx(path).unsupported == {"Magic": 1}


@pytest.mark.parametrize("content", [b"", b"hello", b"\x08\x07"])
def test_what_is_no_model_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is not an ONNX model"):
        count_onnx(path)


def _model(folder: Path, node: onnx.NodeProto) -> Path:
    tensors = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", 4]) for n in "xy"]
    graph = helper.make_graph([node], "g", tensors[:1], tensors[1:])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)]
    path = folder / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets), str(path))
    return path
