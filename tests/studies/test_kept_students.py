"""The student in ``students/1`` is the one of the result, whatever was there before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from nas_kd.costs import LatencyRecord
from nas_kd.export import ParityRecord, read_manifest, write_manifest
from nas_kd.export.manifest import changed_files
from studies.delivered_finalist import DeliveredFinalist
from studies.delivery import Delivered
from studies.kept_students import KeptStudents
from studies.measured import Measured
from studies.run_directory import RunDirectory
from studies.setting import Setting
from tests.studies.measurements import LATENCY
from tests.studies.test_run_directory import RECIPE

PARITY = ParityRecord(0.0, 0.0, (1, 2), 1e-4, True, 0.0, 0.0)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create_or_continue(tmp_path / "run", RECIPE)


def _student(
    run: RunDirectory, weights: str, latency: LatencyRecord = LATENCY
) -> DeliveredFinalist:
    """One that was delivered under ``work/delivered`` by an earlier recipe."""
    folder = run.work("delivered", "one")
    folder.mkdir(exist_ok=True)
    (folder / "model.safetensors").write_text(weights)
    accuracy = {"accuracy": 0.5, "accuracy_without_teacher": None}
    write_manifest(
        folder,
        costs={},
        latency=latency,
        parity=PARITY,
        accuracy=accuracy,
        seeds={},
        extra={"recipe": {"seed": -1}},
    )
    delivered = Delivered(folder, folder / "student.onnx", latency, latency, PARITY, None)
    return DeliveredFinalist(cast(Measured, None), delivered, accuracy, 0.0, -0.1)


def _handed_over(run: RunDirectory, student: DeliveredFinalist) -> dict[str, Any]:
    """The manifest of ``students/1``."""
    found = KeptStudents(run, cast(Setting, None)).hand_over(student)
    assert found.delivered.directory == run.student(1)
    assert changed_files(run.student(1)) == []
    return read_manifest(run.student(1)) or {}


def test_the_manifest_says_what_was_measured_last_and_other_files_stay(run: RunDirectory) -> None:
    first = _handed_over(run, _student(run, "same"))
    assert first["recipe"] == RECIPE.model_dump(mode="json")
    (run.student(1) / "student.int8.tflite").touch()
    again = replace(LATENCY, median_ms=2 * LATENCY.median_ms)
    manifest = _handed_over(run, _student(run, "same", again))
    assert manifest["latency"] == again.to_dict() != first["latency"]
    assert (run.student(1) / "student.int8.tflite").exists()


def test_files_of_an_earlier_student_are_put_aside_with_it(run: RunDirectory) -> None:
    said: list[str] = []
    run.tell.say = said.append
    _handed_over(run, _student(run, "one"))
    _handed_over(run, _student(run, "other"))
    assert not said
    (run.student(1) / "mine").touch()
    _handed_over(run, _student(run, "third"))
    assert "kept with them as 1.damaged" in said[0]
    assert not (run.student(1) / "mine").exists()
    aside = run.student(1).with_name("1.damaged")
    assert sorted(path.name for path in aside.iterdir()) == [
        "manifest.json",
        "mine",
        "model.safetensors",
    ]
