"""``nas-kd show --watch``: a run watched from outside."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from nas_kd.cli import show
from nas_kd.report.progress import Progress, forget_progress, write_progress
from studies.observer import SilentObserver
from studies.pipeline import _Job
from studies.recipe import Recipe
from studies.run_directory import ENDED, RunDirectory
from tests.cli.conftest import Command
from tests.report.samples import candidates, document

SEARCHING = Progress("search", 120, 300, "score +1.256", rate_per_s=9.0, seconds=14.0)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create_or_continue(tmp_path / "runs" / "digits", Recipe())


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What happens to the run between one look and the next, instead of waiting."""

    def plan(*steps: Callable[[], None]) -> None:
        remaining = list(steps)

        def instead_of_sleeping(seconds: float) -> None:
            assert seconds == show.REDRAWN_EVERY_S
            remaining.pop(0)()

        monkeypatch.setattr(show.time, "sleep", instead_of_sleeping)

    return plan


def finish(run: RunDirectory) -> None:
    run.write_result(document(candidates(), run.path))


def test_it_ends_with_the_result(
    nas_kd: Command, run: RunDirectory, between: Callable[..., None]
) -> None:
    write_progress(run, SEARCHING)
    between(lambda: None, lambda: finish(run))
    outcome = nas_kd("show", run.path, "--watch")
    assert outcome.code == 0
    assert "98.33 %" in outcome.out
    assert "not finished" not in outcome.out
    # On a log the same line is not said twice.
    assert outcome.err.splitlines() == [
        f"{run.path}: 0 of 300 trials; search 120/300, 9 a second, about 20.0 s left, "
        "for 14.0 s so far; best so far: score +1.256"
    ]


def test_a_finished_run_is_shown_at_once(
    nas_kd: Command, run: RunDirectory, between: Callable[..., None]
) -> None:
    finish(run)
    between()
    watched, shown = nas_kd("show", run.path, "--watch"), nas_kd("show", run.path)
    assert (watched.code, watched.out, watched.err) == (0, shown.out, "")


def test_it_ends_when_nobody_works_on_the_run_any_more(
    nas_kd: Command, run: RunDirectory, between: Callable[..., None]
) -> None:
    write_progress(run, SEARCHING)
    between(lambda: None, lambda: forget_progress(run))
    outcome = nas_kd("show", run.path, "--watch")
    assert outcome.code == 0
    assert "This run is not finished" in outcome.out


def test_it_ends_where_nobody_was_ever_seen_at_work(
    nas_kd: Command, run: RunDirectory, between: Callable[..., None]
) -> None:
    looks = int(show.GIVEN_UP_AFTER_S / show.REDRAWN_EVERY_S)
    between(*[lambda: None] * looks)
    outcome = nas_kd("show", run.path, "--watch")
    assert (outcome.code, "This run is not finished" in outcome.out) == (0, True)


def test_the_training_of_a_chosen_student(nas_kd: Command, run: RunDirectory) -> None:
    run.write_state("arch", {"edge": "skip_connect"})
    write_progress(run, Progress("distill", 300, 1000, rate_per_s=10.0, seconds=30.0))
    shown = nas_kd("show", run.path).out
    assert "distillation of edge=skip_connect; distill 30%, about 1 min 10 s left" in shown
    assert "trials" not in shown
    assert json.loads(nas_kd("show", run.path, "--json").out)["progress"]["done"] == 300


def test_a_result_just_before_the_end_is_not_missed(
    nas_kd: Command, run: RunDirectory, between: Callable[..., None], monkeypatch: Any
) -> None:
    write_progress(run, SEARCHING)
    between(lambda: forget_progress(run))
    read = RunDirectory.read_result
    results: list[Any] = [None, None]

    def late(self: RunDirectory) -> Any:
        if results:
            return results.pop()
        finish(self)
        return read(self)

    monkeypatch.setattr(RunDirectory, "read_result", late)
    assert "98.33 %" in nas_kd("show", run.path, "--watch").out


def test_ctrl_c_ends_it(nas_kd: Command, run: RunDirectory, between: Callable[..., None]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    between(interrupt)
    outcome = nas_kd("show", run.path, "--watch")
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err.splitlines()[-1] == "nas-kd: interrupted."


def test_on_a_terminal_it_is_drawn_in_place(
    nas_kd: Command,
    run: RunDirectory,
    between: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=120, height=40)
    monkeypatch.setattr(show, "progress_console", lambda: screen)
    write_progress(run, SEARCHING)
    between(lambda: finish(run))
    assert nas_kd("show", run.path, "--watch").code == 0
    text = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "search 120/300, 9 a second, about 20.0 s left" in text
    assert "best so far: score +1.256" in text
    assert "0 candidates, 0 different" in text


def test_json_and_watch_exclude_each_other(nas_kd: Command, run: RunDirectory) -> None:
    outcome = nas_kd("show", run.path, "--watch", "--json")
    assert (outcome.code, outcome.out) == (2, "")
    assert "--json" in outcome.err


def test_json_tells_the_progress_of_a_running_command(nas_kd: Command, run: RunDirectory) -> None:
    write_progress(run, SEARCHING)
    told = json.loads(nas_kd("show", run.path, "--json").out)
    assert told["progress"]["phase"] == "search"
    assert (told["progress"]["done"], told["trials"]) == (120, 300)
    assert told["objectives"] == ["score", "macs"]


def test_a_search_whose_student_another_host_makes_says_so(
    nas_kd: Command, run: RunDirectory
) -> None:
    found: Any = SimpleNamespace(trials=[], unique=[])
    _Job(run.recipe, run, SilentObserver(), None)._leave_to("other#1", found)
    shown = nas_kd("show", run.path).out
    assert shown.endswith("measured and distilled by other#1, in its own run directory.\n")
    assert "not finished" not in shown


def test_a_search_without_a_feasible_student_says_why(nas_kd: Command, run: RunDirectory) -> None:
    run.write_state(ENDED, {"reason": "budget: none meets the latency limit."})
    shown = nas_kd("show", run.path)
    assert shown.code == 0
    assert shown.out.endswith("budget: none meets the latency limit.\n")
    assert "not finished" not in shown.out
    assert json.loads(nas_kd("show", run.path, "--json").out)["reason"].startswith("budget:")
