"""What a run works with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from nas_kd.costs import Budget, DeviceProfile, LatencyRecord
from nas_kd.data import load_data
from nas_kd.errors import UsageError
from nas_kd.export import evaluate_onnx
from search_spaces import Task, create_space
from studies import beside_teacher, measuring
from studies.candidates import Candidate
from studies.deployed_precision import deployed_accuracy
from studies.measuring import Meter
from studies.recipe import BudgetSection, Recipe
from studies.run_directory import RunDirectory, state_name
from studies.setting import device_profile
from tests.studies.measurements import LATENCY


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
    ("intervals", "disturbed", "measurements", "chosen"),
    [
        ([(0.8, 0.9)], [], 1, 0),
        ([(1.1, 1.3)], [], 1, 0),
        ([(0.8, 1.4), (0.8, 0.9)], [], 2, 1),
        ([(0.8, 1.4), (1.1, 1.2)], [], 2, 1),
        ([(0.8, 1.4), (0.9, 1.1), (0.7, 1.5)], [], 3, 1),
        ([(0.8, 0.9), (1.1, 1.2)], [0], 2, 1),
        ([(0.8, 0.9), (0.8, 1.4), (0.8, 0.9)], [0, 2], 3, 1),
        ([(0.7, 0.9), (0.8, 0.9), (0.6, 0.9)], [0, 1, 2], 3, 1),
    ],
)
def test_a_delivered_file_is_measured_until_the_budget_is_decided(
    intervals: list[tuple[float, float]],
    disturbed: list[int],
    measurements: int,
    chosen: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    teacher = replace(LATENCY, ci95_ms=(2.0, 2.0))
    records = [
        replace(LATENCY, median_ms=1.0, ci95_ms=interval, flags=("busy",) if n in disturbed else ())
        for n, interval in enumerate(intervals)
    ]
    waiting = iter(records)
    monkeypatch.setattr(beside_teacher, "measure_many", lambda *_: (teacher, next(waiting)))
    setting: Any = SimpleNamespace(
        budget=Budget.parse(["latency=50%"]),
        teacher_facts={"latency_ms": 9.0},
        teacher_onnx=Path("teacher.onnx"),
        profile=DeviceProfile("cpu"),
    )
    found = beside_teacher.measure_beside_teacher(Path("student.onnx"), setting)
    assert found.latency is records[chosen]
    assert len(list(waiting)) == len(records) - measurements


def measured_setting(folder: Path) -> Any:
    """What a `Meter` needs to know: a student in 50 % of the teacher's time is fast enough."""
    (folder / "teacher.onnx").write_bytes(bytes(1_000))
    return SimpleNamespace(
        space=create_space("nasbench201", channels=2, cells_per_stage=1),
        task=Task(1, 8, 10),
        budget=Budget.parse(["latency=50%"]),
        teacher_facts={"latency_ms": 9.0},
        teacher_onnx=folder / "teacher.onnx",
        profile=DeviceProfile("cpu"),
    )


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports files of 1,000 bytes in no time."""

    def export(module: object, shape: object, path: Path) -> Path:
        path.write_bytes(bytes(1_000))
        return path

    monkeypatch.setattr(measuring, "export_onnx", export)


def candidates_of(setting: Any, *texts: str) -> list[Candidate]:
    archs = [setting.space.canonical(setting.space.parse(text)) for text in texts]
    return [Candidate(arch, 1, 1, {}) for arch in archs]


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create_or_continue(tmp_path / "run", Recipe())


@pytest.mark.usefixtures("small_files")
def test_a_disturbed_measurement_of_a_candidate_is_not_recalled(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = measured_setting(tmp_path)
    candidates = candidates_of(setting, "9930", "0")
    asked: list[int] = []

    def measure(files: Sequence[Path], *_: object, **__: object) -> list[LatencyRecord]:
        asked.append(len(files) - 1)
        flags = [(), ("wide",), ("drift",)] if len(asked) == 1 else [(), ()]
        return [replace(LATENCY, flags=flags[n]) for n in range(len(files))]

    monkeypatch.setattr(measuring, "measure_many", measure)
    for _ in range(3):
        Meter(setting, run, seed=0).measure(candidates)
    assert asked == [2, 1]


@pytest.mark.usefixtures("small_files")
def test_no_more_files_are_open_at_once_than_memory_holds_and_few_stay(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = measured_setting(tmp_path)
    candidates = candidates_of(setting, "9930", "0", "1", "2", "3")
    asked: list[int] = []

    def measure(files: Sequence[Path], *_: object, **__: object) -> list[LatencyRecord]:
        assert files[0] == setting.teacher_onnx
        asked.append(sum(file.stat().st_size for file in files))
        slow = replace(LATENCY, median_ms=1.2, ci95_ms=(1.1, 1.3))
        fast = replace(LATENCY, median_ms=0.5, ci95_ms=(0.4, 0.6))
        return [LATENCY, fast, *[slow] * (len(files) - 2)]

    monkeypatch.setattr(measuring, "measure_many", measure)
    folder = run.path / "work" / "candidates"
    Meter(setting, run, seed=0, folder="latency-fit").measure(candidates)
    assert not list(folder.iterdir())
    meter = Meter(setting, run, seed=0, max_bytes=3_500)
    meter.measure(candidates, keep_files=True)
    assert asked == [6_000, 3_000, 3_000, 2_000]
    kept = {f"{state_name(c.key)}.onnx" for c in candidates if meter.done[c.key].feasible}
    assert {file.name for file in folder.iterdir()} == kept
    assert len(kept) == 3
