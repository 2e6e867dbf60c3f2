"""The document of a finished run, and what becomes of students that were changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nas_kd.export import write_manifest
from studies.finished_run import finished_document
from studies.run_directory import RunDirectory

DOCUMENT = {"schema": "of-a-test/1"}


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A finished one with a student, in a folder whose name a shell would take apart."""
    found = RunDirectory(tmp_path / "my run")
    student = found.student(1)
    student.mkdir(parents=True)
    (student / "weights").write_text("delivered")
    write_manifest(student, costs={}, latency=None, parity={}, accuracy={}, seeds={})
    found.write_result(DOCUMENT)
    return found


def test_it_is_shown_where_the_student_is_as_it_was_delivered(run: RunDirectory) -> None:
    said: list[str] = []
    run.tell.say = said.append
    assert finished_document(run, DOCUMENT["schema"]) == DOCUMENT
    assert f"(nas-kd measure '{run.student(1)}' measures)" in said[-1]
    assert finished_document(run, "of-another/1") is None
    assert run.student(1).exists()


@pytest.mark.parametrize("result", ["whole", "damaged"])
def test_a_changed_student_is_put_aside_with_all_that_lies_beside_it(
    run: RunDirectory, result: str
) -> None:
    (run.student(1) / "weights").write_text("changed")
    (run.student(1) / "mine").touch()
    if result == "damaged":
        run.result_json.write_text("{")
    said: list[str] = []
    run.tell.say = said.append
    assert finished_document(run, DOCUMENT["schema"]) is None
    assert "What was there is kept as 1.damaged" in said[-1]
    assert not run.student(1).exists()
    aside = run.student(1).with_name("1.damaged")
    assert (aside / "weights").read_text() == "changed"
    assert (aside / "mine").exists()


@pytest.mark.parametrize("lost", ["1", "2", "1/manifest.json"])
def test_a_run_of_several_students_is_not_finished_while_one_is_missing(
    run: RunDirectory, lost: str
) -> None:
    document = {**DOCUMENT, "students": [{"rank": 1}, {"rank": 2}]}
    run.write_result(document)
    shutil.copytree(run.student(1), run.student(2))
    assert finished_document(run, DOCUMENT["schema"]) == document
    missing = run.path / "students" / lost
    if missing.is_dir():
        shutil.rmtree(missing)
    else:
        missing.unlink()
    assert finished_document(run, DOCUMENT["schema"]) is None
