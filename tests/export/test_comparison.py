"""Before and after: the numbers are PyTorch's, and what breaks is refused."""

from __future__ import annotations

import dataclasses
import fcntl
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas_kd.costs import DeviceProfile, LatencyRecord
from nas_kd.costs.onnx_models import onnx_precision
from nas_kd.errors import ExportError
from nas_kd.export import (
    at_precision,
    calibration_batches,
    compare_precisions,
    comparison,
    convert_to_half,
    evaluate_onnx,
    export_onnx,
    precision_file,
)
from nas_kd.machine_lock import lock_file
from nas_kd.training import evaluate_accuracy
from tests.export.trained import SHAPE, digits, digits_net

CPU = DeviceProfile("cpu")


def fake_latency(median_ms: float) -> LatencyRecord:
    """A record that nobody measured."""
    values: dict[str, Any] = {field.name: 0.5 for field in dataclasses.fields(LatencyRecord)}
    values |= {"median_ms": median_ms, "ci95_ms": (0.4, 0.6), "block_medians_ms": ()}
    return LatencyRecord(**values)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Measures nothing, and keeps which files were to be measured together."""
    asked: list[Path] = []

    def measure(files: Sequence[Path], profile: DeviceProfile) -> list[LatencyRecord]:
        asked.extend(files)
        return [fake_latency(2.0 / (1 + index)) for index in range(len(files))]

    monkeypatch.setattr("nas_kd.export.comparison.measure_many", measure)
    return asked


def test_accuracy_of_a_file_is_that_of_its_module(tmp_path: Path) -> None:
    path = export_onnx(digits_net(), SHAPE, tmp_path / "student.onnx")
    images = digits().validation
    expected = evaluate_accuracy(digits_net(), images)
    assert evaluate_onnx(path, images) == expected
    assert evaluate_onnx(path, images, batch_size=7) == expected
    assert 0.9 < expected < 1.0


@pytest.mark.parametrize("precision", ["fp32", "int8", "fp16"])
def test_the_file_of_a_profile(tmp_path: Path, precision: str) -> None:
    path = export_onnx(digits_net(), SHAPE, tmp_path / "student.onnx")
    before = path.read_bytes()
    out = precision_file(path, precision)
    profile = DeviceProfile("cpu", precision=precision)
    made = at_precision(path, profile, iter(calibration_batches(digits(), 32)), out)
    assert (
        made
        == out
        == tmp_path / {"fp32": "student.onnx"}.get(precision, f"student.{precision}.onnx")
    )
    names = {"fp32": "float32", "int8": "int8", "fp16": "float16"}
    assert onnx_precision(made) == names[precision]
    assert path.read_bytes() == before


def test_before_and_after(tmp_path: Path, measured: list[Path]) -> None:
    path = export_onnx(digits_net(), SHAPE, tmp_path / "student.onnx")
    half = convert_to_half(path, tmp_path / "student.fp16.onnx")
    images = digits().validation
    records = compare_precisions(path, {"fp16": half}, images, split="validation", profile=CPU)
    (record,) = records.values()
    assert measured == [path, half]
    assert record.accuracy_before == evaluate_accuracy(digits_net(), images)
    assert record.accuracy_after == evaluate_onnx(half, images)
    assert record.top1_agreement > 0.99
    assert 0 < record.max_abs < 0.1
    assert (record.file, record.precision, record.split) == (half.name, "fp16", "validation")
    assert record.images == len(images)
    assert record.latency_ratio == 0.5
    assert record.bytes_after == half.stat().st_size < record.bytes_before
    document = json.loads(json.dumps(record.to_dict()))
    assert document["latency_before"]["median_ms"] == 2.0
    assert document["latency_after"]["median_ms"] == 1.0


def test_the_machine_is_taken_alone_for_the_measurement_and_shared_for_the_images(
    tmp_path: Path, measured: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    taken: list[str] = []

    def watched(part: str, function: Callable[..., Any]) -> None:
        def run(*arguments: Any, **options: Any) -> Any:
            taken.append(f"{part}: {_held()}")
            return function(*arguments, **options)

        monkeypatch.setattr(comparison, part, run)

    watched("onnx_logits", comparison.onnx_logits)
    watched("measure_many", comparison.measure_many)
    path = export_onnx(digits_net(), SHAPE, tmp_path / "student.onnx")
    half = convert_to_half(path, tmp_path / "student.fp16.onnx")
    compare_precisions(path, {"fp16": half}, digits().validation, split="v", profile=CPU)
    assert taken == [*2 * ["onnx_logits: shared"], "measure_many: alone"]


def _held() -> str:
    """How the machine's lock is held now."""
    with lock_file("machine").open("w") as handle:
        for kind, held in ((fcntl.LOCK_EX, "not at all"), (fcntl.LOCK_SH, "shared")):
            with suppress(BlockingIOError):
                fcntl.flock(handle, kind | fcntl.LOCK_NB)
                return held
    return "alone"


class Huge(nn.Module):
    """Its sums leave the range of fp16, in which they are moved about."""

    def forward(self, images: Tensor) -> Tensor:
        sums: Tensor = (images.abs().flatten(1) + 1.0) @ torch.full((64, 10), 6e4)
        moved: Tensor = sums.unflatten(1, (2, 5)).transpose(1, 2).flatten(1)
        return moved


def test_numbers_out_of_range_are_refused(tmp_path: Path, measured: list[Path]) -> None:
    path = export_onnx(Huge(), SHAPE, tmp_path / "student.onnx")
    half = convert_to_half(path, tmp_path / "student.fp16.onnx")
    with pytest.raises(ExportError, match="NaN or infinite"):
        compare_precisions(path, {"fp16": half}, digits().validation, split="v", profile=CPU)
    assert not measured
