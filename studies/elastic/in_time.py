"""The best networks of an elastic supernet whose delivered files hold their limit."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from studies.elastic.latency import ImageLatencyLimit
from studies.elastic.ranking import RankedNetwork
from studies.observer import Observer

MISSES = 3
"""Delivered files that may miss the limit before no further one is tried."""

Deliver = Callable[[RankedNetwork, Path], dict[str, Any]]


def deliver_in_time(
    ranking: Sequence[RankedNetwork],
    count: int,
    limit: ImageLatencyLimit,
    students: Path,
    deliver: Deliver,
    observer: Observer,
) -> list[dict[str, Any]]:
    """Delivers the best networks; a file that misses the limit makes way for the next network.

    Students of higher numbers, which an interrupted call may have left, are removed.

    Args:
        ranking: The networks, the best first.
        count: How many are wanted.
        limit: Measures their untrained files first.
        students: Folder of the students, which are numbered in it.
        deliver: Writes a student into a folder, and tells what `studies.elastic.deliver` does.
        observer: Told of the progress, of those that missed, and of how many are found where they
            are fewer than wanted.

    Returns:
        What is told of those that hold the limit: ``count``, or fewer after `MISSES` that missed or
        where no more are fast enough. Where none does, the fastest of them, delivered once more.

    Raises:
        NoFeasibleStudentError: None of the untrained files holds the limit.
    """
    found: list[dict[str, Any]] = []
    missed: list[tuple[float, RankedNetwork]] = []
    waiting = limit.in_time(ranking, observer)
    while len(found) < count and len(missed) < MISSES:
        observer.phase("measure", None)
        network = next(waiting, None)
        if network is None:
            break
        observer.phase("export", None)
        directory = students / str(len(found) + 1)
        student = deliver(network, directory)
        if student["budget_met"]:
            found.append(student)
            continue
        shutil.rmtree(directory)
        missed.append((student["latency_ms"]["ci95"][1], network))
        more = len(missed) < MISSES
        observer.note(
            f"The file of {student['description']} takes {student['latency_ms']['median']:.3g} ms, "
            "with its interval over the limit. "
            + ("It makes way for the next network." if more else "No further one is tried.")
        )
    if len(found) < count:
        few = f"{MISSES} files missed it" if len(missed) == MISSES else "no other network holds it"
        observer.note(f"{len(found)} of {count} students hold the limit: {few}. Raise it for more.")
    if not found:
        observer.note("No file holds the limit: the fastest is delivered.")
        _, fastest = min(missed, key=lambda one: one[0])
        found = [deliver(fastest, students / "1")]
    _remove_above(len(found), students)
    return found


def _remove_above(count: int, students: Path) -> None:
    for path in students.iterdir():
        if path.name.isdecimal() and int(path.name) > count:
            shutil.rmtree(path)
