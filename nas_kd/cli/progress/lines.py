"""Progress for logs and pipes."""

from __future__ import annotations

import time

from nas_kd.cli.console import note
from nas_kd.cli.progress.pace import Pace
from nas_kd.cli.progress.words import count_text

PLAIN_LINE_EVERY_S = 15.0


class LineObserver:
    """Plain lines for logs and pipes: one when a phase begins, then one now and then."""

    def __init__(self, every_s: float = PLAIN_LINE_EVERY_S) -> None:
        self._every_s = every_s
        self._name = ""
        self._total: int | None = None
        self._began = self._last = time.monotonic()
        self._pace = Pace()

    def phase(self, name: str, total: int | None) -> None:
        self.finish()
        self._name, self._total, self._pace = name, total, Pace()
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
