"""What a run works with."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from nas_kd.costs import Budget, DeviceProfile
from nas_kd.data import load_data
from nas_kd.errors import UsageError
from nas_kd.export import evaluate_onnx
from search_spaces import Task
from studies import measuring
from studies.measuring import deployed_accuracy
from studies.recipe import BudgetSection
from studies.setting import device_profile


def test_a_limit_may_name_the_device() -> None:
    assert device_profile(BudgetSection(limits=["latency=5ms@cpu-1t-int8"])).precision == "int8"
    assert device_profile(BudgetSection(limits=["latency=5ms"], batch=4)).batch == 4


def test_a_device_named_in_two_ways_is_refused() -> None:
    section = BudgetSection(limits=["latency=5ms@cpu-1t"], batch=8)
    with pytest.raises(UsageError, match="in one place"):
        device_profile(section)


def test_accuracy_counts_at_the_precision_of_the_profile(tmp_path: Path) -> None:
    data = load_data("digits", seed=0)
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10)
    ).eval()
    setting = SimpleNamespace(
        profile=DeviceProfile("cpu", precision="int8"), data=data, task=Task(1, 8, 10)
    )
    found = deployed_accuracy(module, 0.123, tmp_path / "student.onnx", setting, seed=0)  # type: ignore[arg-type]
    assert found == evaluate_onnx(tmp_path / "student.int8.onnx", data.validation) != 0.123
    setting.profile = DeviceProfile("cpu")
    assert deployed_accuracy(module, 0.123, tmp_path / "float.onnx", setting, seed=0) == 0.123  # type: ignore[arg-type]
    assert not (tmp_path / "float.onnx").exists()


@pytest.mark.parametrize(
    ("intervals", "measurements", "chosen"),
    [
        ([(0.8, 0.9)], 1, 0),
        ([(1.1, 1.3)], 1, 0),
        ([(0.8, 1.4), (0.8, 0.9)], 2, 1),
        ([(0.8, 1.4), (1.1, 1.2)], 2, 1),
        ([(0.8, 1.4), (0.9, 1.1), (0.7, 1.5)], 3, 1),
    ],
)
def test_a_delivered_file_is_measured_until_the_budget_is_decided(
    intervals: list[tuple[float, float]],
    measurements: int,
    chosen: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    teacher = SimpleNamespace(median_ms=2.0, ci95_ms=(2.0, 2.0))
    records = [SimpleNamespace(median_ms=1.0, ci95_ms=interval) for interval in intervals]
    waiting = iter(records)
    monkeypatch.setattr(measuring, "measure_many", lambda *_: (teacher, next(waiting)))
    setting: Any = SimpleNamespace(
        budget=Budget.parse(["latency=50%"]),
        teacher_facts={"latency_ms": 9.0},
        teacher_onnx=Path("teacher.onnx"),
        profile=DeviceProfile("cpu"),
    )
    _, found = measuring.measure_beside_teacher(Path("student.onnx"), setting)
    assert found is records[chosen]
    assert len(list(waiting)) == len(records) - measurements
