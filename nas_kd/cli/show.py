"""``nas-kd show``: what a run has found, also while it is still running."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas_kd.cli import options
from nas_kd.cli.console import (
    note,
    print_answer,
    print_results,
    progress_console,
    stdout_kept_clean,
)
from nas_kd.cli.progress import PLAIN_LINE_EVERY_S
from nas_kd.errors import UsageError

if TYPE_CHECKING:
    from nas_kd.cli.shown_runs import ShownRun

REDRAWN_EVERY_S = 2.0
_UNFINISHED = "This run is not finished: the command that began it continues it."
GIVEN_UP_AFTER_S = 30.0
"""Without a word of a command that works on the run."""


def show(
    run: options.Run,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Redraw every 2 s until the run has its result, or no command works on it.",
        ),
    ] = False,
    json: options.Json = False,
) -> None:
    """Show what a search, a pre-training or a distillation has found, also while it is at work."""
    if watch and json:
        raise UsageError(
            "show: --json prints one document and --watch redraws until the run is over. Give one."
        )
    from nas_kd.cli.shown_runs import open_run

    shown = open_run(run)
    with stdout_kept_clean():
        document = _watched(shown) if watch else shown.read()
    print_answer(document, shown.tables, as_json=json)
    if not json and not shown.is_finished(document):
        print_results(document.get("reason") or _UNFINISHED)


def _watched(run: ShownRun) -> dict[str, Any]:
    """Shows the run on stderr until it has a result, or until nobody works on it any more."""
    from nas_kd.report.progress import progress_of, was_left

    with _screen(run) as draw:
        document = run.read()
        silent_s = 0.0
        while not run.is_finished(document):
            draw(document)
            time.sleep(REDRAWN_EVERY_S)
            earlier, document = document, run.read()
            silent_s = silent_s + REDRAWN_EVERY_S if progress_of(document) is None else 0.0
            if was_left(earlier, document) or silent_s >= GIVEN_UP_AFTER_S:
                return run.read()  # the command may have ended with its result
    return document


@contextmanager
def _screen(run: ShownRun) -> Iterator[Callable[[dict[str, Any]], None]]:
    """What draws a document: on a terminal in place, elsewhere as a plain line now and then."""
    console = progress_console()
    if not console.is_terminal:
        yield _PlainLines(run)
        return
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda document: live.update(
            Group(*map(Text, run.status(document)), *run.tables(document)), refresh=True
        )


class _PlainLines:
    """Says where the run is, when that has changed, at most every `PLAIN_LINE_EVERY_S`."""

    def __init__(self, run: ShownRun) -> None:
        self._run = run
        self._said = ""
        self._last = -math.inf

    def __call__(self, document: dict[str, Any]) -> None:
        line, now = "; ".join(self._run.status(document)), time.monotonic()
        if line != self._said and now - self._last >= PLAIN_LINE_EVERY_S:
            note(line)
            self._said, self._last = line, now
