"""Modules timed by ONNX Runtime, once for a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from torch import nn

from nas_kd.costs import DeviceProfile
from nas_kd.errors import DeviceUnavailableError, UsageError
from nas_kd.training.pretraining.method import Timed
from studies import stopwatch
from studies.stopwatch import KeptStopwatch

MODULES: dict[str, Timed] = {
    "nothing": (nn.Identity(), (16, 32, 32)),
    "convolution": (nn.Conv2d(16, 16, 5, padding=2), (16, 32, 32)),
}


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopwatch, "MAX_SECONDS", 0.3)


def test_times_are_measured_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, told = tmp_path / "operation_latency.json", list[str]()
    measure = KeptStopwatch(file, told.append)
    times = measure(MODULES, DeviceProfile())
    assert times["convolution"] > 2 * times["nothing"] > 0
    assert told[0] == "Measuring 2 operations on cpu-1t (CPUExecutionProvider) ..."
    record = json.loads(file.read_text())["latency_ms"]["convolution"]
    assert record["median"] == times["convolution"]
    assert record["provider"] == "CPUExecutionProvider"

    def again(*arguments: object, **options: object) -> None:
        pytest.fail("it measured again")

    monkeypatch.setattr(stopwatch, "measure_many", again)
    assert KeptStopwatch(file, told.append)(MODULES, DeviceProfile()) == times
    others = {"another": MODULES["nothing"]}
    for modules, profile in ((others, DeviceProfile()), (MODULES, DeviceProfile(batch=8))):
        with pytest.raises(UsageError, match="other operations or of another device"):
            measure(modules, profile)
    file.write_text(file.read_text().replace('"median"', '"mean"', 1))
    with pytest.raises(UsageError, match="is damaged"):
        measure(MODULES, DeviceProfile())


def test_a_device_that_is_not_here_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    told: list[str] = []
    with pytest.raises(DeviceUnavailableError):
        KeptStopwatch(tmp_path / "file.json", told.append)(MODULES, DeviceProfile("tensorrt"))
    assert told == []
    assert not (tmp_path / "file.json").exists()
