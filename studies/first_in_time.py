"""One finalist after the other, until the file of one is fast enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nas_kd.errors import NasKdError
from studies.delivered_finalist import DeliveredFinalist
from studies.failed_student import student_failed
from studies.measured import Measured


def first_in_time(
    ranked: Sequence[Measured],
    deliver: Callable[[Measured], DeliveredFinalist],
    too_slow_told: Callable[[DeliveredFinalist, int], None],
    failed_told: Callable[[Measured, NasKdError, int], None],
) -> tuple[DeliveredFinalist, list[DeliveredFinalist]]:
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
    too_slow: list[DeliveredFinalist] = []
    failures: list[NasKdError] = []
    for number, measured in enumerate(ranked, start=1):
        left = len(ranked) - number
        try:
            student = deliver(measured)
        except NasKdError as error:
            if not student_failed(error):
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
