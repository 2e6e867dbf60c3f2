"""Which students each strategy trains, and how often."""

from __future__ import annotations

from collections import Counter

import pytest

from nas_kd.training.language import Moment
from nas_kd.training.superlm import STRATEGIES, Chooser
from search_spaces import Arch
from tests.training.language_models import small_space

SPACE = small_space()
LARGEST, SMALLEST = SPACE.anchors()[:2]
BY_NAME = {strategy.name: strategy for strategy in STRATEGIES}
STEPS = 200


def _chosen(name: str, count: int = 2, seed: int = 0) -> list[list[tuple[str, Arch]]]:
    chooser = Chooser(BY_NAME[name], SPACE, count=count, seed=seed)
    return [chooser(Moment(step, STEPS)) for step in range(STEPS)]


@pytest.mark.parametrize("name", BY_NAME)
def test_a_step_draws_the_same_in_every_process_and_after_a_resume(name: str) -> None:
    steps = _chosen(name)
    chooser = Chooser(BY_NAME[name], SPACE, count=2, seed=0)
    assert chooser(Moment(120, STEPS)) == steps[120]
    assert _chosen(name, seed=1) != steps
    assert all(len({role for role, _ in step}) == len(step) for step in steps)


@pytest.mark.parametrize("name", BY_NAME)
def test_every_student_has_its_turn(name: str) -> None:
    seen = {arch for step in _chosen(name, count=4) for _, arch in step}
    assert seen == set(SPACE.enumerate())


def test_autodistil_trains_four_distinct_students() -> None:
    for step in _chosen("autodistil"):
        archs = [arch for _, arch in step]
        assert len(set(archs)) == 4
        assert archs[:2] == [LARGEST, SMALLEST]


def test_sandwich_goes_from_the_largest_to_the_smallest() -> None:
    for step in _chosen("sandwich", count=3):
        assert [role for role, _ in step] == [
            "largest",
            "random_1",
            "random_2",
            "random_3",
            "smallest",
        ]
        assert (step[0][1], step[-1][1]) == (LARGEST, SMALLEST)


def test_random_trains_nothing_else() -> None:
    assert {role for step in _chosen("random", count=1) for role, _ in step} == {"random_1"}


def test_random_linear_goes_from_the_largest_to_random_ones() -> None:
    roles = [step[0][0] for step in _chosen("random-linear", count=1)]
    assert roles[0] == "largest"
    assert roles[-1] == "random_1"
    first, second = Counter(roles[: STEPS // 2]), Counter(roles[STEPS // 2 :])
    assert first["random_1"] == pytest.approx(STEPS / 8, abs=15)
    assert second["random_1"] == pytest.approx(3 * STEPS / 8, abs=15)


def test_ats_takes_turns() -> None:
    roles = [[role for role, _ in step] for step in _chosen("ats")]
    assert roles[0::2] == [["random_1", "random_2"]] * (STEPS // 2)
    assert roles[1::2] == [["largest"]] * (STEPS // 2)
