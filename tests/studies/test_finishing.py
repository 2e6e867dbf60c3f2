"""A student whose delivered file is too slow makes way for the next."""

from __future__ import annotations

from pathlib import Path

from nas_kd.export import ParityRecord
from search_spaces import create_space
from studies.candidates import Candidate
from studies.delivery import Delivered
from studies.finalists import Measured
from studies.finishing import Student, first_in_time
from tests.studies.measurements import LATENCY

PARITY = ParityRecord(0.0, 0.0, (1, 2), 1e-4, True, 0.0, 0.0)
DELIVERED = Delivered(
    Path("students/1"), Path("student.onnx"), LATENCY, LATENCY, PARITY, precision=None
)
RANKED = [
    Measured(Candidate(arch, 1, 1, {}, {"naswot": 1.0}), LATENCY, -0.1)
    for arch in list(create_space("cifar-resnet").enumerate())[:3]
]


def _deliver_all(*violations: float) -> tuple[list[int], list[int], list[int], list[int]]:
    """Places in the ranking: those delivered, the student, the too slow; how many were left."""
    asked: list[int] = []
    left: list[int] = []

    def deliver(measured: Measured) -> Student:
        asked.append(RANKED.index(measured))
        return Student(measured, DELIVERED, {}, 0.0, violations[asked[-1]])

    student, too_slow = first_in_time(RANKED, deliver, lambda one, others: left.append(others))
    slow = [RANKED.index(one.winner) for one in too_slow]
    return asked, [RANKED.index(student.winner)], slow, left


def test_the_most_accurate_is_delivered_where_it_is_in_time() -> None:
    assert _deliver_all(-0.1, -0.2, -0.3) == ([0], [0], [], [])


def test_the_next_takes_the_place_of_one_that_is_too_slow() -> None:
    assert _deliver_all(0.02, -0.2, -0.3) == ([0, 1], [1], [0], [2])


def test_the_nearest_is_delivered_once_more_where_all_are_too_slow() -> None:
    assert _deliver_all(0.02, 0.01, 0.3) == ([0, 1, 2, 1], [1], [], [2, 1, 0])


def test_the_nearest_is_not_delivered_twice_in_a_row() -> None:
    assert _deliver_all(0.03, 0.02, 0.01) == ([0, 1, 2], [2], [], [2, 1, 0])
