"""The best students of a supernet on disk: one whose file misses its limit makes way."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from nas_kd.errors import NasKdError
from nas_kd.export.file_names import ONNX
from nas_kd.whole_files import whole_folder
from studies.failed_student import student_failed
from studies.observer import Observer

MISSES = 3
"""After so many delivered files that missed the limit, or so many times that none of the next
candidates can be had, no others take their places."""

C = TypeVar("C")
Facts = dict[str, Any]


def deliver_best(
    more: Callable[[int], Sequence[C]],
    count: int,
    deliver: Callable[[C, Path], Facts],
    worse: Callable[[Mapping[str, Any]], float],
    folder: Path,
    observer: Observer,
) -> list[Facts]:
    """Delivers students into ``folder/students/<rank>`` until enough of their files hold the limit.

    Those that miss it make way for as many others, and so do those that fail. Nothing in
    ``folder/students`` changes before all are found; students of higher numbers, which an earlier
    call may have left, are removed.

    Args:
        more: Gives the next so many candidates, or fewer where some have failed or there are no
            more.
        count: How many students are wanted.
        deliver: Writes a candidate into an empty folder, and tells of it: a ``description``,
            ``budget_met``, and ``latency_ms`` with ``median`` and ``ci95`` where that is limited.
        worse: How bad a student is, by what is told of it: the best gets the first number.
        folder: Of the search.
        observer: Told of the progress, of those that missed, and of how many are found where they
            are fewer than wanted.

    Returns:
        What is told of them, with ``onnx`` and ``directory``, the best first: ``count``, or fewer
        after `MISSES` that missed or where there are no more. Where none holds the limit, the
        fastest.

    Raises:
        NasKdError: That of the last one, where all have failed; any that is not of the student.
    """
    drafts = folder / "work" / "students"
    shutil.rmtree(drafts, ignore_errors=True)
    found: list[Facts] = []
    missed: list[Facts] = []
    failures: list[NasKdError] = []
    in_vain = 0
    while len(found) < count and len(missed) < MISSES and in_vain < MISSES:
        try:
            candidates = more(count - len(found))
        except NasKdError as error:
            _record(error, failures, observer)
            in_vain += 1
            continue
        if not candidates:
            break
        observer.phase("export", len(candidates))
        for done, candidate in enumerate(candidates, start=1):
            draft = drafts / str(len(found) + len(missed) + len(failures) + 1)
            draft.mkdir(parents=True)
            try:
                student = {**deliver(candidate, draft), "directory": draft}
            except NasKdError as error:
                _record(error, failures, observer)
            else:
                if student["budget_met"]:
                    found.append(student)
                else:
                    missed.append(student)
                    observer.note(_miss(student, len(missed)))
            observer.advance(done)
    if not found and not missed:
        raise failures[-1]
    if len(found) < count:
        why = f"{len(missed)} files missed the limit" if missed else "there are no more"
        if in_vain == MISSES:
            why = "too many failed"
        observer.note(f"{len(found)} of {count} students can be delivered: {why}.")
    if not found:
        observer.note("No file holds the limit: the fastest is delivered.")
        found = [min(missed, key=lambda student: student["latency_ms"]["ci95"][1])]
    placed = _placed(sorted(found, key=worse), folder / "students")
    shutil.rmtree(drafts)
    return placed


def _record(error: NasKdError, failures: list[NasKdError], observer: Observer) -> None:
    """Takes down a failure of a student; raises any other."""
    if not student_failed(error):
        raise error
    failures.append(error.with_traceback(None))
    observer.note(f"A student failed and makes way for the next. {error.reason}")


def _miss(student: Facts, misses: int) -> str:
    after = "It makes way for the next." if misses < MISSES else "No other takes its place."
    return (
        f"The file of {student['description']} takes {student['latency_ms']['median']:.3g} ms, "
        f"with its interval over the limit. {after}"
    )


def _placed(found: Sequence[Facts], students: Path) -> list[Facts]:
    """The students in the folders of their numbers, where there are no others afterwards."""
    for rank, student in enumerate(found, start=1):
        with whole_folder(students / str(rank)) as empty:
            student["directory"].replace(empty)
    for path in students.iterdir():
        if path.name.isdecimal() and int(path.name) > len(found):
            shutil.rmtree(path)
    places = [students / str(rank) for rank in range(1, len(found) + 1)]
    return [
        {**student, "onnx": str(place / ONNX), "directory": str(place)}
        for student, place in zip(found, places, strict=True)
    ]
