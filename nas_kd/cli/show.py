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
    print_json,
    print_results,
    progress_console,
    stdout_kept_clean,
)
from nas_kd.cli.progress import PLAIN_LINE_EVERY_S, progress_line
from nas_kd.errors import UsageError

if TYPE_CHECKING:
    from studies.run_directory import RunDirectory

REDRAWN_EVERY_S = 2.0


def show(
    run: options.Run,
    watch: Annotated[
        bool, typer.Option("--watch", help="Redraw every 2 s until the run has its result.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Show the front, the finalists and the student of a run."""
    if watch and json:
        raise UsageError(
            "show: --json prints one document and --watch redraws until the run is over. Give one."
        )
    from nas_kd.report.run_document import read_document
    from studies.run_directory import RunDirectory

    opened = RunDirectory.open(run)
    with stdout_kept_clean():
        document = _watched(opened) if watch else read_document(opened)
    if json:
        print_json(document)
        return
    from nas_kd.report.tables import result_tables

    print_results(*result_tables(document))
    if not document.get("student"):
        print_results("This run is not finished: the command that began it continues it.")


def _watched(run: RunDirectory) -> dict[str, Any]:
    """Shows the run on stderr until it has a result, or until nobody works on it any more."""
    from nas_kd.report.progress import was_left
    from nas_kd.report.run_document import read_document

    with _screen() as draw:
        document = read_document(run)
        while not document.get("student"):
            draw(document)
            time.sleep(REDRAWN_EVERY_S)
            earlier, document = document, read_document(run)
            if was_left(earlier, document):
                return read_document(run)  # the command may have ended with its result
    return document


@contextmanager
def _screen() -> Iterator[Callable[[dict[str, Any]], None]]:
    """What draws a document: on a terminal in place, elsewhere as a plain line now and then."""
    console = progress_console()
    if not console.is_terminal:
        yield _PlainLines()
        return
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from nas_kd.report.tables import result_tables

    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda document: live.update(
            Group(*map(Text, _status(document)), *result_tables(document)), refresh=True
        )


class _PlainLines:
    """Says where the run is, when that has changed, at most every `PLAIN_LINE_EVERY_S`."""

    def __init__(self) -> None:
        self._said = ""
        self._last = -math.inf

    def __call__(self, document: dict[str, Any]) -> None:
        line, now = "; ".join(_status(document)), time.monotonic()
        if line != self._said and now - self._last >= PLAIN_LINE_EVERY_S:
            note(line)
            self._said, self._last = line, now


def _status(document: dict[str, Any]) -> list[str]:
    """Phase, rate and time left, and the best so far, where they are known."""
    from nas_kd.report.progress import progress_of

    lines = [f"{document['run_dir']}: {document['evaluated']} of {document['trials']} trials"]
    progress = progress_of(document)
    if progress is not None:
        lines.append(progress_line(progress))
        if progress.best:
            lines.append(f"best so far: {progress.best}")
    return lines
