"""Progress: plain lines for logs, bars for people."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console

from nas_kd.cli.console import print_json
from nas_kd.cli.progress import BarObserver, LineObserver, count_text, watching


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


def test_what_is_not_finite_becomes_null(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": float("nan"), "b": [float("inf"), (1, 2)], "c": {3: "x"}})
    printed = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert printed == {"a": None, "b": [None, [1, 2]], "c": {"3": "x"}}
