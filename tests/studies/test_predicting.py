"""What the latency predictor of a run is fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nas_kd.costs import Budget, DeviceProfile, LatencyRecord, Limits
from search_spaces import Task, create_space
from studies import measuring, pipeline, predicting
from studies.observer import SilentObserver
from studies.pipeline import _Job
from studies.recipe_files import load_recipe
from studies.run_directory import RunDirectory
from tests.studies.measurements import LATENCY

RECIPE = load_recipe(
    "digits",
    {"predictor.students": 8, "predictor.held_out": 2, "budget.limits": ["latency=50%"]},
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many students were measured: every other one disturbed, and slower in each call."""
    found: list[int] = []

    def export(module: object, shape: object, path: Path) -> Path:
        path.write_bytes(bytes(1_000))
        return path

    def measure(files: Sequence[Path], *_: object, **__: object) -> list[LatencyRecord]:
        found.append(len(files) - 1)
        return [
            replace(
                LATENCY,
                relative_to_reference=len(found) * (1 + n / 10),
                flags=("busy",) if n % 2 else (),
            )
            for n in range(len(files))
        ]

    monkeypatch.setattr(measuring, "export_onnx", export)
    monkeypatch.setattr(measuring, "measure_many", measure)
    monkeypatch.setattr(pipeline, "check_proxies", lambda *_: None)
    monkeypatch.setattr(predicting, "_POOL", 30)
    return found


def _predicted(folder: Path) -> float:
    """Latency of one arch, as a call in this run directory predicts it."""
    run = RunDirectory.create_or_continue(folder / "run", RECIPE)
    (folder / "teacher.onnx").write_bytes(bytes(1_000))
    setting: Any = SimpleNamespace(
        space=create_space("nasbench201", channels=2, cells_per_stage=1),
        task=Task(1, 8, 10),
        budget=Budget.parse(["latency=50%"]),
        limits=Limits({}),
        teacher_facts={"latency_ms": 9.0, "latency": {"reference_ms": 2.0}},
        teacher_onnx=folder / "teacher.onnx",
        profile=DeviceProfile("cpu"),
    )
    evaluation: Any = None
    predictor = _Job(RECIPE, run, SilentObserver(), None)._predictor(setting, evaluation)
    assert predictor is not None
    return predictor.latency_ms(setting.space.anchors()[0], {"macs": 1e6, "params": 1e4})


@pytest.mark.parametrize("lost", [False, True])
def test_a_continued_search_predicts_what_it_predicted(
    tmp_path: Path, asked: list[int], lost: bool
) -> None:
    """Also where only the measurements themselves are left to say what the trials were told."""
    before = _predicted(tmp_path)
    (tmp_path / "run" / "journal.log").write_text('{"op_code": 4}\n')
    if lost:
        (tmp_path / "run" / "work" / "latencies_ms.json").unlink()
    assert _predicted(tmp_path) == before
    assert asked == [10]


def test_what_was_disturbed_in_a_fit_that_was_interrupted_is_measured_again(
    tmp_path: Path, asked: list[int]
) -> None:
    _predicted(tmp_path)
    (tmp_path / "run" / "work" / "latencies_ms.json").unlink()
    _predicted(tmp_path)
    assert asked == [10, 5]
