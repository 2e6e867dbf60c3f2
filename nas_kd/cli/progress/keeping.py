"""Progress in the run directory, for whoever watches from outside."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from nas_kd.cli.progress.pace import Pace

if TYPE_CHECKING:
    from nas_kd.report.progress import KeepsStates
    from studies.observer import Observer

_KEPT_EVERY_S = 1.0


@contextmanager
def kept_for_watchers(observer: Observer, run: KeepsStates) -> Iterator[Observer]:
    """The observer, whose progress is kept in the run directory as long as the context lasts."""
    keeping = KeepingObserver(observer, run)
    try:
        yield keeping
    finally:
        keeping.forget()


class KeepingObserver:
    """Passes everything on, and keeps how far the run is in its directory, once a second at most.

    A directory that cannot be written does not stop the work.
    """

    def __init__(
        self, observer: Observer, run: KeepsStates, every_s: float = _KEPT_EVERY_S
    ) -> None:
        self._observer = observer
        self._run = run
        self._every_s = every_s
        self._name = ""
        self._total: int | None = None
        self._began = self._kept = time.monotonic()
        self._pace = Pace()

    def phase(self, name: str, total: int | None) -> None:
        self._observer.phase(name, total)
        self._name, self._total, self._pace = name, total, Pace()
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
