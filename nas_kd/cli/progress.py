"""How far the work is: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from nas_kd.cli.console import note, progress_console

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

    from nas_kd.report.progress import KeepsStates, Progress
    from studies.observer import Observer

PLAIN_LINE_EVERY_S = 15.0
KEPT_EVERY_S = 1.0


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


@contextmanager
def kept_for_watchers(observer: Observer, run: KeepsStates) -> Iterator[Observer]:
    """The observer, whose progress is kept in the run directory as long as the context lasts."""
    keeping = KeepingObserver(observer, run)
    try:
        yield keeping
    finally:
        keeping.forget()


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


class _Pace:
    """Steps a second of one phase, which may continue an earlier call: what that did, is none."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None

    def begin(self, done: int, now: float) -> None:
        """Counts from the first steps that are told of."""
        if self._first is None and done > 0:
            self._first = (done, now)

    def per_s(self, done: int, now: float) -> float | None:
        """None before there are more of them."""
        if self._first is None:
            return None
        steps, since = done - self._first[0], now - self._first[1]
        return steps / since if since > 0 and steps > 0 else None


class LineObserver:
    """Plain lines for logs and pipes: one when a phase begins, then one now and then."""

    def __init__(self, every_s: float = PLAIN_LINE_EVERY_S) -> None:
        self._every_s = every_s
        self._name = ""
        self._total: int | None = None
        self._began = self._last = time.monotonic()
        self._pace = _Pace()

    def phase(self, name: str, total: int | None) -> None:
        self.finish()
        self._name, self._total, self._pace = name, total, _Pace()
        self._began = self._last = time.monotonic()
        note(f"{name} ...")

    def advance(self, done: int, *, best: str = "") -> None:
        now = time.monotonic()
        self._pace.begin(done, now)
        if now - self._last < self._every_s:
            return
        self._last = now
        parts = [f"{self._name} {count_text(done, self._total)}", self._time_left(done, now), best]
        note(", ".join(part for part in parts if part))

    def note(self, message: str) -> None:
        note(message)

    def finish(self) -> None:
        """Closes the phase with the time that it took."""
        if self._name:
            note(f"{self._name} done in {time.monotonic() - self._began:.1f} s")
            self._name = ""

    def _time_left(self, done: int, now: float) -> str:
        rate = self._pace.per_s(done, now)
        if self._total is None or rate is None or done >= self._total:
            return ""
        return f"about {(self._total - done) / rate:.0f} s left"


class KeepingObserver:
    """Passes everything on, and keeps how far the run is in its directory, once a second at most.

    A directory that cannot be written does not stop the work.
    """

    def __init__(self, observer: Observer, run: KeepsStates, every_s: float = KEPT_EVERY_S) -> None:
        self._observer = observer
        self._run = run
        self._every_s = every_s
        self._name = ""
        self._total: int | None = None
        self._began = self._kept = time.monotonic()
        self._pace = _Pace()

    def phase(self, name: str, total: int | None) -> None:
        self._observer.phase(name, total)
        self._name, self._total, self._pace = name, total, _Pace()
        self._began = time.monotonic()
        self._keep(0, "")

    def advance(self, done: int, *, best: str = "") -> None:
        self._observer.advance(done, best=best)
        now = time.monotonic()
        self._pace.begin(done, now)
        if now - self._kept >= self._every_s:
            self._keep(done, best)

    def note(self, message: str) -> None:
        self._observer.note(message)

    def forget(self) -> None:
        """Removes what was kept, if anything was: another command may be at work on the run."""
        from nas_kd.report.progress import forget_progress

        if self._name:
            with suppress(OSError):
                forget_progress(self._run)

    def _keep(self, done: int, best: str) -> None:
        from nas_kd.report.progress import Progress, write_progress

        self._kept = time.monotonic()
        progress = Progress(
            phase=self._name,
            done=done,
            total=self._total,
            best=best,
            rate_per_s=self._pace.per_s(done, self._kept),
            seconds=self._kept - self._began,
        )
        with suppress(OSError):
            write_progress(self._run, progress)


def progress_line(progress: Progress) -> str:
    """One look at a running command: ``search 120/300, 8.3 a second, about 22 s left``."""
    from nas_kd.report import numbers
    from studies.observer import PER_MILLE

    parts = [f"{progress.phase} {count_text(progress.done, progress.total)}".strip()]
    if progress.rate_per_s and progress.total != PER_MILLE:
        parts.append(f"{progress.rate_per_s:.3g} a second")
    if progress.seconds_left:
        parts.append(f"about {numbers.seconds(progress.seconds_left)} left")
    return ", ".join([*parts, f"for {numbers.seconds(progress.seconds)} so far"])


def count_text(done: int, total: int | None) -> str:
    """How far a phase is: ``120/300``, or percent where its steps are thousandths."""
    from studies.observer import PER_MILLE

    if total is None:
        return str(done) if done else ""
    return f"{done / total:.0%}" if total == PER_MILLE else f"{done}/{total}"
