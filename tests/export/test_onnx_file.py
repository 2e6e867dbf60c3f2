"""The ONNX file: one file, named ends, dynamic batch, and an error for what cannot be written."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import timm
import torch
from torch import Tensor, nn

from nas_kd.errors import ExitCode, ExportError, UsageError
from nas_kd.export import export_checked, export_onnx, onnx_facts
from nas_kd.export.exporters import DEFAULT_OPSET

SHAPE = (3, 16, 16)


def small_cnn() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.AvgPool2d(3, 1, 1, count_include_pad=False),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(),
            nn.Linear(8, 10),
        )


def run(path: Path, images: Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"images": images.numpy()})
    return np.asarray(logits)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_computes_the_same_at_any_batch(tmp_path: Path, batch: int) -> None:
    module = small_cnn()
    path = export_onnx(module, SHAPE, tmp_path / "student.onnx")
    images = torch.randn(batch, *SHAPE, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = module.eval()(images).numpy()
    np.testing.assert_allclose(run(path, images), expected, atol=1e-5)


def test_one_file_with_named_ends_and_recorded_opset(tmp_path: Path) -> None:
    path = export_onnx(small_cnn(), SHAPE, tmp_path / "student.onnx")
    assert [file.name for file in tmp_path.iterdir()] == ["student.onnx"]
    graph = onnx.load(str(path)).graph
    assert [value.name for value in (*graph.input, *graph.output)] == ["images", "logits"]
    image, logits = (value.type.tensor_type.shape.dim for value in (*graph.input, *graph.output))
    assert [d.dim_param or d.dim_value for d in image] == ["batch", *SHAPE]
    assert [d.dim_param or d.dim_value for d in logits] == ["batch", 10]
    facts = onnx_facts(path)
    assert facts["opset"] == DEFAULT_OPSET
    assert facts["producer"].startswith("pytorch")
    assert facts["bytes"] == path.stat().st_size


def test_another_opset(tmp_path: Path) -> None:
    path = export_onnx(small_cnn(), SHAPE, tmp_path / "student.onnx", opset=16)
    assert onnx_facts(path)["opset"] == 16


def test_the_same_module_gives_the_same_bytes(tmp_path: Path) -> None:
    module = small_cnn()
    first = export_onnx(module, SHAPE, tmp_path / "a.onnx").read_bytes()
    assert export_onnx(module, SHAPE, tmp_path / "b.onnx").read_bytes() == first


def test_what_a_file_says_of_itself(tmp_path: Path) -> None:
    module, told = small_cnn(), {"images": "of digits", "by": "a test"}
    plain = export_onnx(module, SHAPE, tmp_path / "plain.onnx")
    assert onnx_facts(plain)["metadata"] == {}
    files = [tmp_path / "a.onnx", tmp_path / "b.onnx"]
    for file in files:
        assert export_checked(module, SHAPE, file, seed=0, metadata=told).passed
        assert onnx_facts(file)["metadata"] == told
    assert files[0].read_bytes() == files[1].read_bytes()


def test_quiet_and_without_a_trace(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    module = small_cnn().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    random_state, level = torch.get_rng_state(), logging.getLogger("torch.onnx").level
    export_onnx(module, SHAPE, tmp_path / "student.onnx")
    assert capfd.readouterr() == ("", "")
    assert all(part.training for part in module.modules())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert logging.getLogger("torch.onnx").level == level


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "mobilenetv3_small_100"])
def test_timm_models(tmp_path: Path, name: str) -> None:
    options = {"img_size": 32, "depth": 2} if name.startswith("vit") else {}
    module = timm.create_model(name, num_classes=10, **options)
    path = export_onnx(module, (3, 32, 32), tmp_path / "student.onnx")
    assert run(path, torch.zeros(3, 3, 32, 32)).shape == (3, 10)


class Dictionary(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = small_cnn()

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"logits": self.inner(images)}


def test_outputs_in_a_mapping(tmp_path: Path) -> None:
    path = export_onnx(Dictionary(), SHAPE, tmp_path / "student.onnx")
    assert run(path, torch.zeros(2, *SHAPE)).shape == (2, 10)


class Histogram(nn.Module):
    """Has an operator that ONNX does not know."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.histc(images.flatten(1)[0]).expand(images.shape[0], 100)


def test_what_no_exporter_can_write(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "student.onnx"
    path.write_text("the earlier file")
    with pytest.raises(ExportError, match="histc") as caught:
        export_onnx(Histogram(), SHAPE, path)
    assert caught.value.exit_code == ExitCode.EXPORT_FAILED
    assert "tracing:" in str(caught.value)
    assert "torch.export:" in str(caught.value)
    assert path.read_text() == "the earlier file"
    assert capfd.readouterr() == ("", "")


class LogarithmsAdded(nn.Module):
    """Has an operator that only the exporter based on ``torch.export`` knows."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.logaddexp2(images, images).mean((2, 3))


def test_what_only_the_second_exporter_can_write(tmp_path: Path) -> None:
    path = export_onnx(LogarithmsAdded(), SHAPE, tmp_path / "student.onnx")
    assert [file.name for file in tmp_path.iterdir()] == ["student.onnx"]
    np.testing.assert_allclose(run(path, torch.ones(3, *SHAPE)), np.full((3, 3), 2.0), rtol=1e-6)
    assert b"site-packages" not in path.read_bytes()
    assert onnx.load(str(path)).graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_wrong_shape_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not accept images"):
        export_onnx(small_cnn(), (1, 16, 16), tmp_path / "student.onnx")


def test_a_module_that_loses_the_batch(tmp_path: Path) -> None:
    class Sum(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.sum()

    with pytest.raises(UsageError, match="first dimension must be the batch"):
        export_onnx(Sum(), SHAPE, tmp_path / "student.onnx")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot be written"):
        export_onnx(small_cnn(), SHAPE, tmp_path / "no" / "student.onnx")
