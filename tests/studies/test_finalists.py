from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from nas_kd.errors import NoFeasibleStudentError
from search_spaces import create_space
from studies.candidates import Candidate
from studies.finalists import choose_finalists, is_guessing, shortfall
from studies.measured import Measured
from tests.studies.measurements import LATENCY

SPACE = create_space("cifar-resnet")
RANKING = [Candidate(arch, 1, 1, {}, {"naswot": 1.0}) for arch in SPACE.enumerate()][:10]


def _choose(violations: Mapping[int, float], *, count: int = 2, at_most: int = 10):
    asked: list[int] = []

    def measure(candidates: Sequence[Candidate]) -> list[Measured]:
        ranks = [RANKING.index(candidate) for candidate in candidates]
        asked.extend(ranks)
        return [Measured(RANKING[r], replace(LATENCY), violations.get(r, 0.5)) for r in ranks]

    finalists, _ = choose_finalists(
        RANKING, measure, count=count, at_most=at_most, margin=0.05, space=SPACE
    )
    return [RANKING.index(f.candidate) for f in finalists], asked


def test_the_best_scored_that_are_fast_enough_are_chosen_and_no_more_are_measured() -> None:
    chosen, asked = _choose({1: -0.2, 2: -0.1, 5: -0.5})
    assert chosen == [1, 2]
    assert asked == [0, 1, 2, 3]


def test_a_candidate_at_the_very_limit_is_passed_over() -> None:
    chosen, _ = _choose({0: -0.01, 3: -0.2, 4: -0.3})
    assert chosen == [3, 4]


def test_without_any_better_one_the_very_limit_is_accepted() -> None:
    chosen, _ = _choose({3: -0.01})
    assert chosen == [3]


def test_none_fast_enough_names_the_nearest() -> None:
    with pytest.raises(NoFeasibleStudentError, match=r"none of the 4 .*\(\+10%\)"):
        _choose({2: 0.1}, at_most=4)


@pytest.mark.parametrize(
    ("violations", "count", "at_most", "told"),
    [
        ({1: -0.2, 2: -0.1}, 2, 10, ""),
        (
            {1: -0.2, 5: -0.1},
            3,
            10,
            "2 of 3 finalists: only these of 10 measured are 5% below the latency limit.",
        ),
        (
            {3: -0.01},
            2,
            10,
            "1 of 2 finalists: only these of 10 measured hold the latency limit. "
            "One finalist: no short distillation.",
        ),
        ({0: -1.0}, 1, 10, "One finalist: no short distillation."),
        (
            {0: -1.0, 1: -1.0},
            3,
            2,
            "2 of 3 finalists: no more than 2 candidates were found.",
        ),
    ],
)
def test_fewer_finalists_than_wanted_are_told_of(
    violations: Mapping[int, float], count: int, at_most: int, told: str
) -> None:
    def measure(candidates: Sequence[Candidate]) -> list[Measured]:
        return [Measured(c, LATENCY, violations.get(RANKING.index(c), 0.5)) for c in candidates]

    found = choose_finalists(
        RANKING[:at_most], measure, count=count, at_most=10, margin=0.05, space=SPACE
    )
    assert shortfall(*found, count, 0.05) == told


def test_guessing_is_within_two_standard_errors_of_chance() -> None:
    assert is_guessing(0.11, 10, 280)
    assert is_guessing(0.135, 10, 280)
    assert not is_guessing(0.137, 10, 280)
    assert not is_guessing(0.11, 10, 10_000)
    assert not is_guessing(0.01, 1000, 50_000)
