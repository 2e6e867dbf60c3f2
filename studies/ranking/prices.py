"""What a score costs by itself, beside what the pass cost that it shared with others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nas_kd.machine_lock import machine_shared
from search_spaces import Arch
from studies.observer import Observer
from studies.ranking.bench import Bench
from studies.workers import one_thread

_TIMES = 2
"""Passes of which the shortest counts: the first also computes what is kept of the teacher."""


def alone_seconds(
    scores: Iterable[Sequence[str]], bench: Bench, arch: Arch, observer: Observer
) -> list[float]:
    """Seconds that each score takes on ``arch`` when nothing else is asked for, in one thread.

    From building the student to the score, on a machine that may be doing other things as well.

    Args:
        scores: The proxies of each score; without any, it takes nothing.
        bench: What the student is scored on.
        arch: One that stands for all.
        observer: Told about the progress.
    """
    wanted = list(scores)
    observer.phase("prices", len(wanted))
    seconds = []
    for done, names in enumerate(wanted, start=1):
        with machine_shared(), one_thread():
            passes = [bench.timed(arch, names) for _ in range(_TIMES if names else 0)]
        seconds.append(min((one.seconds for one in passes), default=0.0))
        observer.advance(done)
    return seconds
