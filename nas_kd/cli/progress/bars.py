"""Progress for people at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas_kd.cli.progress.words import count_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID


class BarObserver:
    """One bar a phase, with the best result so far and the time left."""

    def __init__(self, console: Console) -> None:
        from rich.progress import (
            BarColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._progress = Progress(
            TextColumn("{task.description}", style="bold"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[count]}", justify="right"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[best]}", style="cyan", markup=False),
            console=console,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> BarObserver:
        self._progress.start()
        return self

    def __exit__(self, failed: object, *details: object) -> None:
        if not failed:
            self._complete()
        self._progress.stop()

    def phase(self, name: str, total: int | None) -> None:
        self._complete()
        self._task = self._progress.add_task(name, total=total, best="", count=count_text(0, total))

    def advance(self, done: int, *, best: str = "") -> None:
        if self._task is not None:
            total = self._progress.tasks[self._task].total
            count = count_text(done, None if total is None else int(total))
            self._progress.update(self._task, completed=done, best=best, count=count)

    def note(self, message: str) -> None:
        self._progress.console.print(message, markup=False, highlight=False)

    def _complete(self) -> None:
        if self._task is None:
            return
        task = self._progress.tasks[self._task]
        total = int(task.total if task.total is not None else max(task.completed, 1))
        count = "" if task.total is None else count_text(total, total)
        self._progress.update(self._task, total=total, completed=total, count=count)
        self._progress.stop_task(self._task)
