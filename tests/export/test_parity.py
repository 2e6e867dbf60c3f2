"""Parity: passes for a faithful file, and fails for every kind of unfaithful one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import timm
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from nas_kd.errors import ExportError
from nas_kd.export import check_parity, checked, export_checked, export_onnx
from nas_kd.export.parity import randomised_copy
from tests.export.test_onnx_file import SHAPE, small_cnn


def test_a_faithful_file_passes(tmp_path: Path) -> None:
    module = small_cnn().train()
    path = export_onnx(module, SHAPE, tmp_path / "student.onnx")
    record = check_parity(module, path, SHAPE, seed=0)
    assert record.passed
    assert record.batches == (1, 7)
    assert record.max_abs < 1e-5
    assert record.randomised_max_rel < 1e-5
    assert record.to_dict()["batches"] == [1, 7]
    assert all(part.training for part in module.modules())


def test_the_same_seed_gives_the_same_record(tmp_path: Path) -> None:
    module = small_cnn()
    path = export_onnx(module, SHAPE, tmp_path / "student.onnx")
    assert check_parity(module, path, SHAPE, seed=3) == check_parity(module, path, SHAPE, seed=3)


def test_other_weights_fail(tmp_path: Path) -> None:
    module = small_cnn()
    path = export_onnx(module, SHAPE, tmp_path / "student.onnx")
    with torch.no_grad():
        module.get_parameter("7.bias").add_(0.01)
    record = check_parity(module, path, SHAPE, seed=0)
    assert not record.passed
    assert record.max_abs == pytest.approx(0.01, rel=1e-2)


def test_a_file_that_fails_is_not_kept_under_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, module = tmp_path / "student.onnx", small_cnn()
    assert export_checked(module, SHAPE, path, seed=0).passed
    before = path.read_bytes()

    def export_another(
        module: nn.Module, shape: tuple[int, ...], path: Path, **options: Any
    ) -> Path:
        with torch.no_grad():
            module.get_parameter("7.bias").add_(0.01)
        return export_onnx(small_cnn(), shape, path, **options)

    monkeypatch.setattr(checked, "export_onnx", export_another)
    with pytest.raises(ExportError, match="is not kept"):
        export_checked(module, SHAPE, path, seed=0)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_nan_weights_fail(tmp_path: Path) -> None:
    module = small_cnn()
    path = export_onnx(module, SHAPE, tmp_path / "student.onnx")
    model = onnx.load(str(path))
    for tensor in model.graph.initializer:
        values = np.full(tensor.dims, np.nan, dtype=np.float32)
        if tensor.data_type == onnx.TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(model, str(path))
    assert not check_parity(module, path, SHAPE, seed=0).passed


class ZeroBranch(nn.Module):
    """The branch's gain is zero, so that on fresh weights nothing in it can be seen.

    It centres by a number of Python's, which a tracer takes for a constant.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.zeros(3, 1, 1))
        self.head = nn.Linear(3, 4)

    def forward(self, images: Tensor) -> Tensor:
        branch = images - images.mean().item()
        logits: Tensor = self.head((images + self.gain * branch).mean((2, 3)))
        return logits


def test_a_fault_behind_a_zero_gain_is_found(tmp_path: Path) -> None:
    module = ZeroBranch()
    path = export_onnx(module, SHAPE, tmp_path / "student.onnx")
    record = check_parity(module, path, SHAPE, seed=0)
    assert record.max_abs < 1e-6
    assert record.randomised_max_abs > 1e-3
    assert not record.passed


class FrozenBatch(nn.Module):
    """Reshapes by a batch size that a tracer takes for a constant."""

    def forward(self, images: Tensor) -> Tensor:
        return images.reshape(int(images.shape[0]), 3, -1).mean(2).reshape(len(images.tolist()), 3)


def test_a_frozen_batch_is_found(tmp_path: Path) -> None:
    module = FrozenBatch()
    path = export_onnx(module, SHAPE, tmp_path / "student.onnx")
    with pytest.raises(ExportError, match="batch"):
        check_parity(module, path, SHAPE, seed=0)


def test_the_copy_is_nowhere_degenerate() -> None:
    module = timm.create_model("resnet18", num_classes=10)
    zero_gains = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]
    assert any(not norm.weight.any() for norm in zero_gains)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    copied = randomised_copy(module, (3, 32, 32), torch.Generator().manual_seed(0))
    for norm in (m for m in copied.modules() if isinstance(m, nn.BatchNorm2d)):
        assert norm.weight.abs().min() >= 0.5
        assert norm.running_mean is not None
        assert norm.running_mean.std() > 0
        assert norm.momentum == 0.1
    assert not any(part.training for part in copied.modules())
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        logits = copied(images)
    assert logits.isfinite().all()
    assert logits.abs().max() < 1e3
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "student.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(ExportError, match="cannot load"):
        check_parity(small_cnn(), path, SHAPE, seed=0)
