"""A student of text that learned: the same call shows it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nas_kd.costs import DeviceProfile
from nas_kd.errors import UsageError
from nas_kd.export import write_manifest
from nas_kd.export.text_student import TextStudent
from studies import text_distillation
from studies.observer import SilentObserver
from studies.run_directory import RunDirectory
from studies.text_distillation import distil_text_student
from studies.text_lessons import Learned, Place, TextDelivery


class _Lesson:
    """Nothing is learned; how often it was asked for."""

    def __init__(self) -> None:
        self.taught = 0

    def teach(self, *given: object) -> Any:
        self.taught += 1
        return type("Nothing", (), {"history": [{"unit": 1.0}]})


def _deliver(
    found: TextStudent,
    learned: Learned,
    student: Path,
    delivery: TextDelivery,
    run: RunDirectory,
    observer: object,
) -> dict[str, Any]:
    folder = run.student(1)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weights").touch()
    write_manifest(folder, costs={}, latency=None, parity={}, accuracy={}, seeds={})
    precisions = {"fp32": 0.0, **({"int8": 0.0} if delivery.int8 else {})}
    return {"student": {"parity_max_abs": precisions}, "device": str(delivery.profile)}


def test_a_finished_one_is_shown_where_it_was_delivered_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_distillation, "load_text_student", lambda path: None)
    monkeypatch.setattr(text_distillation, "deliver_learned", _deliver)
    student, lesson = tmp_path / "student", _Lesson()
    student.mkdir()
    (student / "model.safetensors").touch()

    def distil(profile: DeviceProfile, int8: bool = False) -> dict[str, Any]:
        run, delivery = RunDirectory(tmp_path / "run"), TextDelivery(profile, int8)
        return distil_text_student(student, lesson, {"seed": 0}, delivery, run, SilentObserver())

    one, two = DeviceProfile("cpu", 1), DeviceProfile("cpu", 2)
    asked = [(one, False), (two, False), (two, True)]
    for taught, (profile, int8) in enumerate(asked, start=1):
        first = distil(profile, int8)
        assert distil(profile, int8) == first
        assert lesson.taught == taught
    assert distil(two) == first


class _Interrupted:
    """It gets as far as its first checkpoint."""

    def teach(self, student: object, place: Place) -> Any:
        kept = place.checkpoint("student")
        kept.load()
        kept.save({})
        raise KeyboardInterrupt


@pytest.mark.parametrize("changed", ["task.tsv", "further.txt"])
def test_an_interrupted_one_does_not_go_on_with_other_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    monkeypatch.setattr(text_distillation, "load_text_student", lambda path: None)
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "task.tsv").write_text("text\tlabel\n" + "one\tyes\ntwo\tno\n" * 20)
    (tmp_path / "further.txt").write_text("three\n")
    frozen = {
        "task": f"{tmp_path}/task.tsv?text=text&label=label",
        "text": f"text:{tmp_path}/further.txt",
        "seed": 0,
    }

    def distil() -> None:
        run, delivery = RunDirectory(tmp_path / "run"), TextDelivery(DeviceProfile())
        distil_text_student(tmp_path, _Interrupted(), frozen, delivery, run, SilentObserver())

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            distil()
    with (tmp_path / changed).open("a") as file:
        file.write("four\tno\n")
    with pytest.raises(UsageError, match=r"another training \(other texts\)"):
        distil()
