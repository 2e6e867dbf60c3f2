"""How long the phases of a run took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from studies.run_directory import RunDirectory


class PhaseClock:
    """Seconds of each phase, over all the calls that worked on a run.

    Attributes:
        seconds: By the name of the phase.
    """

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self.seconds: dict[str, float] = run.read_state("seconds") or {}

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Adds the seconds of a phase to those of earlier, interrupted calls."""
        start = time.monotonic()
        try:
            yield
        finally:
            spent = time.monotonic() - start
            self.seconds[phase] = round(self.seconds.get(phase, 0.0) + spent, 2)
            self._run.write_state("seconds", self.seconds)
