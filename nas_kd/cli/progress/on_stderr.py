"""Which form of progress suits stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nas_kd.cli.console import progress_console
from nas_kd.cli.progress.bars import BarObserver
from nas_kd.cli.progress.lines import LineObserver

if TYPE_CHECKING:
    from studies.observer import Observer


@contextmanager
def watching() -> Iterator[Observer]:
    """An observer that shows progress on stderr as long as the context lasts."""
    console = progress_console()
    if not console.is_terminal:
        lines = LineObserver()
        yield lines
        lines.finish()
        return
    bar = BarObserver(console)
    with bar:
        yield bar
