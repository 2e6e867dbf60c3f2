"""One finalist after the other, until the file of one is fast enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from nas_kd.errors import ExportError, NasKdError, NotFiniteError
from studies.delivery import Delivered
from studies.finalists import Measured


@dataclass(frozen=True)
class Student:
    """A distilled and delivered finalist.

    Attributes:
        winner: Which of the candidates.
        delivered: Its files.
        accuracies: ``accuracy``, ``accuracy_without_teacher`` and their like, shares in [0, 1].
        inherited_share: Of its parameters that began with the teacher's values.
        latency_violation: Of the delivered file (`studies.measuring.latency_violation`).
    """

    winner: Measured
    delivered: Delivered
    accuracies: Mapping[str, float | None]
    inherited_share: float
    latency_violation: float

    @property
    def in_time(self) -> bool:
        return self.latency_violation <= 0


def is_of_the_student(error: NasKdError) -> bool:
    """Whether the student itself failed, so that another one may do: no disk that is full, say."""
    failed = isinstance(error, NotFiniteError | ExportError)
    return failed and not isinstance(error.__cause__, OSError)


def first_in_time(
    ranked: Sequence[Measured],
    deliver: Callable[[Measured], Student],
    too_slow_told: Callable[[Student, int], None],
    failed_told: Callable[[Measured, NasKdError, int], None],
) -> tuple[Student, list[Student]]:
    """Delivers one finalist after the other until a file meets the latency limit.

    One that cannot be trained or exported makes way, too.

    Args:
        ranked: Finalists, the most accurate first.
        deliver: Distils one and writes its files.
        too_slow_told: Told of each that is too slow, and how many are left.
        failed_told: Told of each that failed and why, and how many are left.

    Returns:
        The student to hand over, and those of a higher accuracy that were too slow. Where all are,
        the nearest to the limit, which comes without others.

    Raises:
        NasKdError: That of the last one, where all have failed; any that is not of the student.
    """
    too_slow: list[Student] = []
    failures: list[NasKdError] = []
    for number, measured in enumerate(ranked, start=1):
        left = len(ranked) - number
        try:
            student = deliver(measured)
        except NasKdError as error:
            if not is_of_the_student(error):
                raise
            failures.append(error.with_traceback(None))  # which holds all that it was trained with
            failed_told(measured, error, left)
            continue
        if student.in_time:
            return student, too_slow
        too_slow.append(student)
        too_slow_told(student, left)
    if not too_slow:
        raise failures[-1]
    return min(too_slow, key=lambda one: one.latency_violation), []
