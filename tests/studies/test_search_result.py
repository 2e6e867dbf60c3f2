"""What a search has found grows trial by trial, and is at every moment what its definition says."""

from __future__ import annotations

from collections.abc import Sequence

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from search_spaces import Arch, CifarResNet
from studies.candidate_table import candidate_table
from studies.candidates import Candidate
from studies.found_document import found_document
from studies.front import Front
from studies.measured import Measured
from studies.measured_front import measured_front
from studies.objectives import Objectives
from studies.search_result import SearchResult
from studies.trials import tell
from tests.report.journals import candidates
from tests.studies.measurements import LATENCY
from tests.studies.results import result_of

MAXIMIZE, MINIMIZE = StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE


def _objectives(names: Sequence[str]) -> Objectives:
    reference = [c for c, _ in candidates() if c.scores and not c.degenerate]
    return Objectives(names, ["naswot"], reference)


def _trials(found: Sequence[Candidate], objectives: Objectives) -> list[FrozenTrial]:
    study = optuna.create_study(directions=objectives.directions)
    for candidate in found:
        tell(study, study.ask(), candidate, objectives.values(candidate), None)
    return study.trials


def _expected(found: Sequence[Candidate], objectives: Objectives) -> list[Arch]:
    """The front by its definition in score and MACs, best score first."""
    usable = [
        (c, objectives.score(c)) for c in found if c.feasible and c.scores and not c.degenerate
    ]
    front = [
        (c, s)
        for c, s in usable
        if not any(o.macs <= c.macs and t >= s and (o.macs < c.macs or t > s) for o, t in usable)
    ]
    return [candidate.arch for candidate, _ in sorted(front, key=lambda pair: -pair[1])]


def test_it_grows_with_the_trials() -> None:
    objectives, found = _objectives(["score", "macs"]), [c for c, _ in candidates()]
    result = SearchResult(objectives)
    assert result.front == result.ranking == result.unique == []
    for number, trial in enumerate(_trials(found, objectives), start=1):
        result.add(trial)
        so_far = found[:number]
        assert result.unique == so_far
        assert [candidate.arch for candidate in result.front] == _expected(so_far, objectives)
    assert len(result.front) > 2
    assert not any(c.degenerate for c in result.ranking)


def test_repeated_candidates_count_once() -> None:
    objectives, found = _objectives(["score", "macs"]), [c for c, _ in candidates()][:10]
    result = SearchResult(objectives)
    for trial in _trials([*found, *found], objectives):
        result.add(trial)
    assert (len(result.trials), result.unique) == (20, found)
    assert [candidate.arch for candidate in result.front] == _expected(found, objectives)
    assert [result.first_trial(c.key) for c in found] == list(range(10))
    assert result.first_trial("another") is None


def test_one_objective_has_one_best() -> None:
    objectives = _objectives(["score"])
    result = SearchResult(objectives)
    for trial in _trials([c for c, _ in candidates()], objectives):
        result.add(trial)
    assert result.front == result.ranking[:1]


def test_its_document_has_the_front_as_people_read_it() -> None:
    objectives = _objectives(["score", "macs"])
    result = SearchResult(objectives)
    (trial,) = _trials([candidates()[1][0]], objectives)
    result.add(trial)
    document = found_document(CifarResNet(), result, {})
    assert {n: document[n] for n in ("evaluated", "unique", "feasible")} == {
        "evaluated": 1,
        "unique": 1,
        "feasible": 1,
    }
    (entry,) = document["front"]
    assert entry["description"] == "ResNet[1 1 3]"
    assert (entry["macs"], entry["params"], entry["latency_ms"]) == (5_000, 500, None)


@pytest.mark.parametrize("directions", [[MAXIMIZE], [MINIMIZE, MAXIMIZE], [MINIMIZE] * 3])
@given(data=st.data())
def test_a_front_is_optunas_own(directions: list[StudyDirection], data: st.DataObject) -> None:
    value = st.integers(0, 6).map(float)
    rows = data.draw(st.lists(st.tuples(*[value] * len(directions)), min_size=1, max_size=25))
    study, front = optuna.create_study(directions=directions), Front(directions)
    for number, row in enumerate(rows):
        study.add_trial(optuna.trial.create_trial(values=list(row)))
        front.add(str(number), row)
    best = study.best_trials if len(directions) > 1 else [study.best_trial]
    assert sorted(map(int, front)) == [trial.number for trial in best]


def test_what_was_measured_to_be_too_slow_is_not_within_the_budget() -> None:
    found = [candidate for candidate, _ in candidates()][:10]
    result = result_of(found)
    slow, fast = result.front[:2]
    measured = {
        slow.key: Measured(slow, LATENCY, 0.1),
        fast.key: Measured(fast, LATENCY, -0.1),
    }
    document = found_document(CifarResNet(), result, measured)
    reasons = document["infeasible_reasons"]
    assert reasons["latency_ms"] == 1
    assert document["feasible"] + sum(reasons.values()) == document["unique"]
    assert [entry["within_latency"] for entry in document["front"][:2]] == [False, True]


def test_what_was_measured_to_be_too_slow_hides_nothing_of_the_front() -> None:
    archs = CifarResNet().enumerate()
    best, second, smallest = (
        Candidate(next(archs), macs, 1, {}, {"naswot": score})
        for macs, score in ((3, 3.0), (3, 2.0), (1, 1.0))
    )
    result = result_of([best, second, smallest])
    assert result.front == [best, smallest]
    measured = {best.key: Measured(best, LATENCY, 0.1), second.key: Measured(second, LATENCY, -0.1)}
    assert measured_front(result, measured) == [best, second, smallest]
    assert candidate_table(result, measured)["front"].tolist() == [True, True, True]
    entries = found_document(CifarResNet(), result, measured)["front"]
    assert [entry["within_latency"] for entry in entries] == [False, True, None]
