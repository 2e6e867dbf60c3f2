"""Progress: plain lines for logs, bars for people."""

from __future__ import annotations

import io
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from nas_kd.cli.console import print_answer, print_json
from nas_kd.cli.progress import (
    BarObserver,
    KeepingObserver,
    LineObserver,
    count_text,
    kept_for_watchers,
    progress_line,
    watching,
)
from nas_kd.report.progress import Progress, read_progress
from studies.observer import SilentObserver
from studies.recipe import Recipe
from studies.run_directory import RunDirectory


def _work(observer: Any) -> None:
    observer.phase("search", 3)
    for done in range(1, 4):
        observer.advance(done, best=f"score {done}")
    observer.phase("measure", None)
    observer.note("a [note]")


def test_lines_come_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    rare = LineObserver(every_s=1000.0)
    _work(rare)
    rare.finish()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "search ..."
    assert [line.split(" in ")[0] for line in lines[1:]] == [
        "search done",
        "measure ...",
        "a [note]",
        "measure done",
    ]
    _work(LineObserver(every_s=0.0))
    printed = capsys.readouterr()
    assert "search 2/3, about 0 s left, score 2" in printed.err
    assert printed.out == ""


def test_the_time_left_of_a_continued_phase_counts_what_this_call_did(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    observer = LineObserver(every_s=0.0)
    observer.phase("search", 300)
    now = 110.0
    observer.advance(200)
    now = 120.0
    observer.advance(250)
    assert capsys.readouterr().err.splitlines()[1:] == [
        "search 200/300",
        "search 250/300, about 10 s left",
    ]


def test_bars_show_the_best_and_end_full() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with BarObserver(console) as observer:
        _work(observer)
    text = console.file.getvalue()
    assert "score 3" in text
    assert "3/3" in text
    assert "a [note]" in text


@pytest.mark.parametrize(
    ("done", "total", "expected"),
    [(0, None, ""), (7, None, "7"), (120, 300, "120/300"), (455, 1000, "46%")],
)
def test_count_text(done: int, total: int | None, expected: str) -> None:
    assert count_text(done, total) == expected


def test_off_a_terminal_there_are_no_control_characters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with watching() as observer:
        _work(observer)
    assert "\x1b" not in capsys.readouterr().err


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create_or_continue(tmp_path / "run", Recipe())


def test_progress_is_kept_for_watchers_while_the_work_lasts(
    run: RunDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = LineObserver(every_s=0.0)
    with kept_for_watchers(lines, run) as observer:
        observer.phase("search", 3)
        kept = read_progress(run)
        assert kept is not None
        assert (kept.phase, kept.done, kept.total, kept.ended) == ("search", 0, 3, False)
        observer.advance(2, best="score 2")
        observer.note("a [note]")
    assert read_progress(run) is None
    printed = capsys.readouterr().err
    assert "search 2/3" in printed
    assert "a [note]" in printed


def test_progress_is_forgotten_after_a_failure_too(run: RunDirectory) -> None:
    def fail() -> None:
        with kept_for_watchers(SilentObserver(), run) as observer:
            observer.phase("search", 3)
            assert read_progress(run) is not None
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert read_progress(run) is None


def test_a_command_that_was_refused_leaves_the_progress_of_the_other(run: RunDirectory) -> None:
    with kept_for_watchers(SilentObserver(), run) as first:
        first.phase("search", 3)
        with kept_for_watchers(SilentObserver(), run):
            pass
        assert read_progress(run) is not None


def test_the_rate_of_a_continued_phase_counts_from_where_it_began(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    observer = KeepingObserver(SilentObserver(), run, every_s=1.0)
    observer.phase("search", 300)
    now = 110.0
    observer.advance(0, best="scaling the proxies")
    assert read_progress(run) == Progress("search", 0, 300, "scaling the proxies", seconds=10.0)
    observer.advance(201)
    now = 110.9
    observer.advance(208)
    kept = read_progress(run)
    assert kept is not None
    assert kept.done == 0  # a second is not over yet
    now = 112.0
    observer.advance(221, best="score 1")
    assert read_progress(run) == Progress(
        "search", 221, 300, "score 1", rate_per_s=10.0, seconds=12.0
    )
    now = 113.0
    observer.phase("measure", None)
    assert read_progress(run) == Progress("measure")


def test_a_directory_that_cannot_be_written_does_not_stop_the_work(run: RunDirectory) -> None:
    shutil.rmtree(run.path / "work", ignore_errors=True)
    (run.path / "work").write_text("a file where the folder should be")
    with kept_for_watchers(SilentObserver(), run) as observer:
        _work(observer)


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (
            Progress("search", 120, 300, rate_per_s=9.0, seconds=14.0),
            "search 120/300, 9 a second, about 20.0 s left, for 14.0 s so far",
        ),
        (
            Progress("distill", 250, 1000, rate_per_s=5.0, seconds=50.0),
            "distill 25%, about 2 min 30 s left, for 50.0 s so far",
        ),
        (Progress("measure", seconds=75.0), "measure, for 1 min 15 s so far"),
    ],
)
def test_progress_line(progress: Progress, expected: str) -> None:
    assert progress_line(progress) == expected


def test_what_people_are_shown_is_made_only_for_them(capsys: pytest.CaptureFixture[str]) -> None:
    print_answer({"a": 1}, lambda found: pytest.fail("nobody reads it"), as_json=True)
    print_answer({"a": 1}, lambda found: [f"a is {found['a']}"], as_json=False)
    assert capsys.readouterr().out.splitlines()[-1] == "a is 1"


def test_what_is_not_finite_becomes_null(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": float("nan"), "b": [float("inf"), (1, 2)], "c": {3: "x"}})
    printed = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert printed == {"a": None, "b": [None, [1, 2]], "c": {"3": "x"}}
