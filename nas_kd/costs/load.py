"""How busy others kept the machine while something was measured."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

resource: ModuleType | None
try:
    import resource
except ImportError:  # not on Windows
    resource = None

_STAT = Path("/proc/stat")
_BUSY = (0, 1, 2, 5, 6, 7)
"""Fields of the ``cpu`` line that are work: user, nice, system, irq, softirq, steal."""
_STEAL = 7


@dataclass(frozen=True)
class _Reading:
    """CPU seconds since the start of the machine, and the wall clock."""

    wall: float
    busy: float
    stolen: float


class LoadMeter:
    """Compares the machine's CPU time with that of the measuring processes.

    Begins when it is made. The load average is given beside it for people; it lags by a minute and
    counts the measured process too, so it decides nothing.
    """

    def __init__(self) -> None:
        self._averages = load_averages()
        self._start = _read_counters()

    def report(self, own_seconds: float) -> dict[str, Any]:
        """What happened since the meter was made.

        Args:
            own_seconds: CPU seconds that the measuring processes used.

        Returns:
            ``load_average_before`` and ``load_average_after`` (1, 5 and 15 minutes); where the
            system counts them also ``others``, the share of all CPU time that others used, and
            ``stolen``, the share that the host of a virtual machine withheld (part of ``others``).
        """
        facts: dict[str, Any] = {}
        if self._averages:
            facts = {
                "load_average_before": self._averages,
                "load_average_after": load_averages(),
            }
        end = _read_counters()
        if self._start is None or end is None:
            return facts
        whole = max(1e-9, end.wall - self._start.wall) * (os.cpu_count() or 1)
        others = max(0.0, end.busy - self._start.busy - own_seconds) / whole
        stolen = max(0.0, end.stolen - self._start.stolen) / whole
        return {**facts, "others": round(min(1.0, others), 4), "stolen": round(stolen, 4)}


def load_averages() -> list[float]:
    """Processes that want to run, averaged over 1, 5 and 15 minutes; empty where not counted."""
    return [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else []


def context_switches() -> int:
    """How often the processor was taken away from a thread of this process; 0 where not counted."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw if resource else 0


def _read_counters() -> _Reading | None:
    try:
        words = _STAT.read_text(encoding="ascii").splitlines()[0].split()
    except (OSError, IndexError):
        return None
    ticks = [int(word) for word in words[1:]]
    if words[0] != "cpu" or len(ticks) <= _STEAL:
        return None
    per_second = os.sysconf("SC_CLK_TCK")
    busy = sum(ticks[field] for field in _BUSY)
    return _Reading(time.monotonic(), busy / per_second, ticks[_STEAL] / per_second)
