"""How far a command is, as its run directory tells those who watch."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from nas_kd.report.progress import (
    Progress,
    forget_progress,
    read_progress,
    was_left,
    write_progress,
)
from nas_kd.report.run_document import read_document
from studies.recipe import Recipe
from studies.run_directory import RunDirectory

SEARCHING = Progress("search", 120, 300, "score +1.2", rate_per_s=9.0, seconds=14.0)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create_or_continue(tmp_path / "run", Recipe())


def test_it_is_kept_until_the_command_ends(run: RunDirectory) -> None:
    assert read_progress(run) is None
    write_progress(run, SEARCHING)
    assert read_progress(run) == SEARCHING
    assert read_document(run)["progress"] == asdict(SEARCHING)
    forget_progress(run)
    forget_progress(run)
    assert read_progress(run) is None
    assert read_document(run)["progress"] is None


@pytest.mark.parametrize(
    "change",
    [
        {"pid": 0}, {"pid": -1}, {"pid": None}, {"done": "many"}, {"total": []},
        {"rate_per_s": {}}, {"seconds": None},
    ],
)  # fmt: skip
def test_damaged_files_say_nothing(run: RunDirectory, change: dict[str, Any]) -> None:
    run.write_state("progress", asdict(SEARCHING) | change)
    assert read_progress(run) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"phase": "search"}'])
def test_other_files_say_nothing(run: RunDirectory, text: str) -> None:
    run.work("progress.json").write_text(text)
    assert read_progress(run) is None


def test_the_time_left_follows_from_the_rate() -> None:
    assert SEARCHING.seconds_left == 20.0
    assert replace(SEARCHING, done=400).seconds_left == 0.0
    assert replace(SEARCHING, total=None).seconds_left is None
    assert replace(SEARCHING, rate_per_s=None).seconds_left is None


def test_a_process_that_is_gone_has_ended() -> None:
    assert not SEARCHING.ended
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    gone = replace(SEARCHING, pid=process.pid)
    assert gone.ended
    assert not replace(gone, host="another machine").ended


def test_a_run_is_left_when_its_command_is_gone() -> None:
    working = {"progress": asdict(SEARCHING)}
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    killed = {"progress": asdict(replace(SEARCHING, pid=process.pid))}
    nobody: dict[str, Any] = {"progress": None}
    assert not was_left(working, working)
    assert not was_left(nobody, working)
    assert not was_left(nobody, nobody)  # nothing is known of who works on it
    assert was_left(working, nobody)
    assert was_left(working, killed)
    assert was_left(working, {"student": {}})
