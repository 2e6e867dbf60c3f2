"""fp16: close to float32, half as large, and with float32 ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import timm
import torch

from nas_kd.costs.onnx_models import onnx_precision
from nas_kd.errors import UsageError
from nas_kd.export import convert_to_half, evaluate_onnx, export_onnx
from nas_kd.export.running import onnx_logits
from tests.export.trained import SHAPE, digits, digits_net


def test_close_to_float32_on_real_digits(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    float_file = export_onnx(digits_net(), SHAPE, tmp_path / "student.onnx")
    half = convert_to_half(float_file, tmp_path / "half.onnx")
    test = digits().test
    assert test is not None
    expected, found = onnx_logits(float_file, test), onnx_logits(half, test)
    difference = np.abs(found - expected).max()
    assert 0 < difference < 5e-3 * np.abs(expected).max()
    assert evaluate_onnx(half, test) == pytest.approx(evaluate_onnx(float_file, test), abs=0.003)
    assert half.stat().st_size < 0.6 * float_file.stat().st_size
    assert onnx_precision(half) == "float16"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "mobilenetv3_small_100"])
def test_timm_models_load_in_a_plain_session(tmp_path: Path, name: str) -> None:
    options = {"img_size": 32, "depth": 2} if name.startswith("vit") else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = timm.create_model(name, num_classes=10, **options)
    float_file = export_onnx(module, (3, 32, 32), tmp_path / "student.onnx")
    half = convert_to_half(float_file, tmp_path / "half.onnx")
    onnx.checker.check_model(str(half))
    session, reference = (onnxruntime.InferenceSession(str(f)) for f in (half, float_file))
    (images,), (logits,) = session.get_inputs(), session.get_outputs()
    assert (images.name, images.type) == ("images", "tensor(float)")
    assert (logits.name, logits.type) == ("logits", "tensor(float)")
    values = np.random.default_rng(0).standard_normal((3, 3, 32, 32)).astype(np.float32)
    (expected,), (found,) = (s.run(None, {"images": values}) for s in (reference, session))
    np.testing.assert_allclose(found, expected, atol=5e-3 * max(1.0, np.abs(expected).max()))


def test_fp16_already(tmp_path: Path) -> None:
    float_file = export_onnx(digits_net(), SHAPE, tmp_path / "student.onnx")
    half = convert_to_half(float_file, tmp_path / "half.onnx")
    with pytest.raises(UsageError, match="is float16 already"):
        convert_to_half(half, tmp_path / "again.onnx")
    assert not (tmp_path / "again.onnx").exists()
