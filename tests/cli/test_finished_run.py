"""The command of a finished run, given again: as it was, with other settings, with damage.

Of the damage it is a small part of the benchmark.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import damaging
from benchmarks.counting_proxy import PROXY
from benchmarks.damage import finished_case
from benchmarks.damaging import Case, Said
from benchmarks.small_search import differences
from nas_kd.errors import NotFiniteError
from nas_kd.export.manifest import changed_files
from proxies import PROXIES
from studies import delivery, kept_students, measuring, student_training
from studies.run_directory import ENDED, RunDirectory


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    finished = finished_case(tmp_path_factory.mktemp("damage"), trials=24)
    PROXIES.names()  # those of installed packages are registered first
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PROXIES._components, PROXY.name, PROXY)
        yield finished


def test_a_journal_cut_anywhere_is_completed(case: Case) -> None:
    size = case.whole.journal.stat().st_size
    for offset in np.random.default_rng(0).integers(size, size=2):
        assert damaging.cut_journal(case, int(offset))["wrong"] == ""


@pytest.mark.parametrize("name", ["journal.log", "work/finalists.json", "work/delivered/*.json"])
def test_a_flipped_bit_is_noticed_and_the_result_is_right(
    case: Case, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(damaging, "STATES", (name,))
    row = damaging.flip_bit(case, np.random.default_rng(1))
    assert row["wrong"] == ""
    assert "damaged" in row["said"]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda case, folder: damaging.fill_disk(case, folder, 0.3), "free some space"),
        (damaging.read_only, "cannot be written"),
    ],
)
def test_a_disk_that_takes_nothing_is_one_message(
    case: Case, tmp_path: Path, damage: Callable[[Case, Path], dict[str, str]], words: str
) -> None:
    if not damaging.can_mount(tmp_path / "mounted"):
        pytest.skip("mounting a small file system takes root")
    row = damage(case, tmp_path / "mounted")
    assert row["wrong"] == ""
    assert words in row["said"]


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be trained, and no delivered file measured."""

    monkeypatch.setattr(student_training, "train_student", _refuse)
    monkeypatch.setattr(delivery, "measure_beside_teacher", _refuse)


@pytest.fixture
def teachers(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether there was a teacher, for every training."""
    found: list[bool] = []
    train = student_training.train_student

    def trained(*given: Any, teacher: Any, **named: Any) -> Any:
        found.append(teacher is not None)
        return train(*given, teacher=teacher, **named)

    monkeypatch.setattr(student_training, "train_student", trained)
    return found


def _search(case: Case, run: RunDirectory, **settings: int) -> Said:
    """The command that made the run, with other ``epochs`` in sections of the recipe."""
    words = case.search.arguments(run.path.name)
    recipe = Path(words[words.index("--config") + 1])
    text = recipe.read_text(encoding="utf-8")
    for section, epochs in settings.items():
        head, tail = text.split(f"[{section}]")
        text = f"{head}[{section}]{tail.replace('epochs = 2', f'epochs = {epochs}', 1)}"
    other = recipe.with_name("other.toml")
    other.write_text(text, encoding="utf-8")
    words[words.index("--config") + 1] = str(other)
    case.search.scorings_file(run.path.name).unlink(missing_ok=True)
    return case.command(*words, run=run.path.name)


def test_a_finished_run_is_told_of_and_nothing_is_done_again(case: Case, idle: None) -> None:
    run = case.copy("finished")
    before = run.result_json.read_bytes()
    said = _search(case, run)
    assert said.code == 0, said.err
    assert "is finished: this is its result" in said.err
    assert run.result_json.read_bytes() == before
    assert json.loads(before)["objectives"] == ["score", "macs"]


def test_an_unfinished_end_keeps_its_student_and_its_verdict(case: Case, idle: None) -> None:
    run = case.copy("unfinished", finished=False)
    said = _search(case, run)
    assert said.code == 0, said.err
    assert differences(run, case.whole) == []
    assert _latency(run) == _latency(case.whole)


def test_a_changed_file_is_told_of_and_put_back(case: Case, idle: None) -> None:
    run = case.copy("changed")
    onnx = run.student(1) / "student.onnx"
    whole = onnx.read_bytes()
    onnx.write_bytes(b"something else")
    said = _search(case, run)
    assert said.code == 0, said.err
    assert f"{onnx}: not as the manifest there has it" in said.err
    assert onnx.read_bytes() == whole
    assert changed_files(run.student(1)) == []
    aside = run.student(1).with_name("1.damaged")
    assert (aside / "student.onnx").read_bytes() == b"something else"
    assert differences(run, case.whole) == []


def test_a_finalist_that_fails_under_other_settings_makes_way(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is scored again, and the earlier settings find their own student again."""
    run = case.copy("other")
    train, failures = student_training.train_student, [NotFiniteError("loss is no longer finite.")]

    def trained(*given: Any, **named: Any) -> Any:
        if failures:
            raise failures.pop()
        return train(*given, **named)

    monkeypatch.setattr(student_training, "train_student", trained)
    said = _search(case, run, finalists=1, distill=1)
    assert said.code == 0, said.err
    assert "distill.epochs, finalists.epochs changed" in said.err
    assert "failed. loss is no longer finite. It makes way for the next finalist." in said.err
    assert not case.search.scorings(run.path.name)
    document = run.read_result()
    assert document is not None
    failed, other = document["finalists"]
    assert failed["validation_accuracy"] is None
    assert other["arch"] == document["student"]["arch"]

    monkeypatch.setattr(student_training, "train_student", _refuse)
    monkeypatch.setattr(delivery, "measure_beside_teacher", _refuse)
    said = _search(case, run)
    assert said.code == 0, said.err
    assert differences(run, case.whole) == []


def test_only_the_student_that_stays_has_a_twin(
    case: Case, teachers: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    violations = iter((0.1, -0.1))
    monkeypatch.setattr(kept_students, "latency_violation", lambda *given: next(violations))
    run = case.copy("slow")
    said = _search(case, run, distill=1)
    assert said.code == 0, said.err
    assert teachers == [True, True, False]
    document = run.read_result()
    assert document is not None
    assert len(document["too_slow"]) == 1
    assert document["student"]["accuracy_without_teacher"] is not None
    assert changed_files(run.student(1)) == []


def test_where_all_finalists_are_too_slow_what_was_measured_is_kept_and_shown(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = case.copy("too-slow")
    for state in (run.path / "work" / "latency").glob("*.json"):
        kept = run.read_state(f"latency/{state.stem}")
        assert kept is not None
        run.write_state(f"latency/{state.stem}", {**kept, "violation": 0.1})
    monkeypatch.setattr(measuring, "latency_violation", lambda *given: 0.1)
    said = _search(case, run, distill=1)
    assert said.code == 3, said.err
    reason = "students meets the latency limit"
    assert reason in said.err
    assert not run.result_json.exists()
    table = run.read_candidates()
    slow = table[table["latency_ms"].notna()]
    assert len(slow) >= 2
    assert not slow["feasible"].any()
    for name in ("report.html", "front.png"):
        assert (run.path / name).is_file()
    assert reason in (run.path / "report.html").read_text(encoding="utf-8")
    shown = case.command("show", str(run.path), run=run.path.name)
    assert reason in shown.out
    assert "over in latency_ms" in shown.out
    assert "not finished" not in shown.out

    monkeypatch.undo()
    shutil.rmtree(run.path / "work" / "latency")
    said = _search(case, run)
    assert said.code == 0, said.err
    assert run.read_state(ENDED) is None


def _latency(run: RunDirectory) -> Any:
    document = run.read_result()
    assert document is not None
    return document["student"]["latency_ms"]


def _refuse(*given: object, **named: object) -> None:
    raise AssertionError("trained or measured again")
