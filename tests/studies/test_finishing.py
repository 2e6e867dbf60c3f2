"""A finalist that fails, or whose delivered file is too slow, makes way for the next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from nas_kd.errors import ExportError, NasKdError, NoFeasibleStudentError, NotFiniteError
from nas_kd.export import ParityRecord
from search_spaces import create_space
from studies import finishing
from studies.candidates import Candidate
from studies.delivered_finalist import DeliveredFinalist
from studies.delivery import Delivered
from studies.finishing import Finisher
from studies.first_in_time import first_in_time
from studies.measured import Measured
from studies.measuring import Meter
from studies.observer import SilentObserver
from studies.phase_clock import PhaseClock
from studies.recipe_files import load_recipe
from studies.run_directory import RunDirectory
from studies.student_training import StudentTrainer
from tests.studies.measurements import LATENCY
from tests.studies.results import result_of

PARITY = ParityRecord(0.0, 0.0, (1, 2), 1e-4, True, 0.0, 0.0)
DELIVERED = Delivered(
    Path("students/1"), Path("student.onnx"), LATENCY, LATENCY, PARITY, precision=None
)
RANKED = [
    Measured(Candidate(arch, 1, 1, {}, {"naswot": 1.0}), LATENCY, -0.1)
    for arch in list(create_space("cifar-resnet").enumerate())[:3]
]


class _Deliveries:
    """Places in the ranking: those delivered, too slow and failed; how many were left each time.

    Args:
        outcomes: Of each place: how far over the limit it is, or how it fails.
    """

    def __init__(self, *outcomes: float | NasKdError) -> None:
        self._outcomes = outcomes
        self.asked: list[int] = []
        self.failed: list[int] = []
        self.left: list[int] = []

    def run(self) -> tuple[int, list[int]]:
        """The student, and the too slow."""
        student, too_slow = first_in_time(RANKED, self._deliver, self._too_slow, self._failed)
        return RANKED.index(student.winner), [RANKED.index(one.winner) for one in too_slow]

    def _deliver(self, measured: Measured) -> DeliveredFinalist:
        self.asked.append(RANKED.index(measured))
        outcome = self._outcomes[self.asked[-1]]
        if isinstance(outcome, NasKdError):
            raise outcome
        return DeliveredFinalist(measured, DELIVERED, {}, 0.0, outcome)

    def _too_slow(self, student: DeliveredFinalist, left: int) -> None:
        self.left.append(left)

    def _failed(self, measured: Measured, error: NasKdError, left: int) -> None:
        self.failed.append(RANKED.index(measured))
        self.left.append(left)


@pytest.mark.parametrize(
    ("violations", "asked", "student", "too_slow", "left"),
    [
        ((-0.1, -0.2, -0.3), [0], 0, [], []),
        ((0.02, -0.2, -0.3), [0, 1], 1, [0], [2]),
        ((0.02, 0.01, 0.3), [0, 1, 2], 1, [], [2, 1, 0]),
    ],
)
def test_the_most_accurate_in_time_or_the_nearest_and_none_is_delivered_twice(
    violations: tuple[float, ...],
    asked: list[int],
    student: int,
    too_slow: list[int],
    left: list[int],
) -> None:
    deliveries = _Deliveries(*violations)
    assert deliveries.run() == (student, too_slow)
    assert (deliveries.asked, deliveries.left) == (asked, left)


@pytest.mark.parametrize("error", [NotFiniteError("nan"), ExportError("parity")])
def test_the_next_takes_the_place_of_one_that_failed(error: NasKdError) -> None:
    deliveries = _Deliveries(error, -0.2, -0.3)
    assert deliveries.run() == (1, [])
    assert (deliveries.failed, deliveries.left) == ([0], [2])
    assert _Deliveries(error, 0.2, error).run() == (1, [])


def test_where_all_failed_the_last_error_is_told() -> None:
    with pytest.raises(ExportError, match="last"):
        _Deliveries(NotFiniteError("nan"), NotFiniteError("nan"), ExportError("last")).run()


def test_a_full_disk_is_no_fault_of_the_finalist() -> None:
    full = ExportError("the file cannot be written")
    full.__cause__ = OSError("no space")
    for error in (full, NasKdError("the checkpoint cannot be written")):
        deliveries = _Deliveries(error, -0.2, -0.3)
        with pytest.raises(NasKdError, match="cannot be written"):
            deliveries.run()
        assert deliveries.asked == [0]


@pytest.mark.parametrize(
    ("objectives", "told"),
    [
        (("score", "macs"), []),
        (
            ("naswot", "macs"),
            [
                "The objectives (naswot, macs) do not contain the fused score: it chooses the "
                "finalists all the same."
            ],
        ),
    ],
)
def test_what_chooses_the_finalists_is_told_where_it_is_no_objective(
    objectives: tuple[str, ...],
    told: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(*given: object, **named: object) -> None:
        raise NoFeasibleStudentError("too slow")

    monkeypatch.setattr(finishing, "choose_finalists", none)
    recipe = load_recipe("digits", {"search.objectives": list(objectives)})
    run, notes, observer = RunDirectory(tmp_path), list[str](), SilentObserver()
    monkeypatch.setattr(observer, "note", notes.append)
    setting: Any = SimpleNamespace(space=None)
    finisher = Finisher(recipe, run, setting, observer, PhaseClock(run))
    with pytest.raises(NoFeasibleStudentError):
        finisher.finish(result_of([measured.candidate for measured in RANKED]))
    assert notes == told


def test_a_manifest_holds_no_predicted_latency(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    winner = replace(RANKED[0], candidate=replace(RANKED[0].candidate, predicted_ms=1.5))
    given_to_deliver: dict[str, Any] = {}

    def deliver(*given: object, **named: Any) -> None:
        given_to_deliver.update(named)
        raise RuntimeError("enough")

    trained = SimpleNamespace(validation_accuracy=0.9, accuracy=0.9, inherited_share=0.0)
    monkeypatch.setattr(finishing, "choose_finalists", lambda *_, **__: ([winner], [winner]))
    monkeypatch.setattr(StudentTrainer, "train", lambda *_, **__: (None, trained))
    monkeypatch.setattr(Meter, "measure", lambda *_: [])
    monkeypatch.setattr(finishing, "deliver", deliver)
    run, setting = RunDirectory(tmp_path), cast(Any, SimpleNamespace(space=None))
    finisher = Finisher(load_recipe("digits"), run, setting, SilentObserver(), PhaseClock(run))
    with pytest.raises(RuntimeError, match="enough"):
        finisher.finish(result_of([]))
    assert given_to_deliver["costs"] == {"macs": 1.0, "params": 1.0}


@pytest.mark.parametrize(
    ("accuracies", "order", "told"), [([0.1, 0.12, 0.3], [2, 1, 0], 0), ([0.1, 0.12, 0.11], [0], 1)]
)
def test_where_no_finalist_is_better_than_guessing_the_score_chooses(
    accuracies: list[float],
    order: list[int],
    told: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    def first(ranked: list[Measured], *given: object) -> None:
        asked.extend(RANKED.index(one) for one in ranked)
        raise RuntimeError("enough")

    found = iter(accuracies)
    monkeypatch.setattr(finishing, "choose_finalists", lambda *_, **__: (RANKED[:3], RANKED[:3]))
    monkeypatch.setattr(Finisher, "_short_accuracy", lambda *_: next(found))
    monkeypatch.setattr(Meter, "measure", lambda *_: [])
    monkeypatch.setattr(finishing, "first_in_time", first)
    run, notes, observer = RunDirectory(tmp_path), list[str](), SilentObserver()
    monkeypatch.setattr(observer, "note", notes.append)
    data = SimpleNamespace(num_classes=10, validation=range(280))
    setting = cast(Any, SimpleNamespace(space=None, data=data))
    finisher = Finisher(load_recipe("digits"), run, setting, observer, PhaseClock(run))
    with pytest.raises(RuntimeError, match="enough"):
        finisher.finish(result_of([]))
    assert asked[: len(order)] == order
    assert len([note for note in notes if "their score chooses" in note]) == told
