"""Objective values: finite ones as they are, and what has none ranked last."""

from __future__ import annotations

import math
from collections.abc import Sequence

import optuna
import pytest
from optuna.samplers import NSGAIISampler

from search_spaces import Arch, create_space
from studies.candidates import Candidate
from studies.fusions import Fusion
from studies.objectives import Objectives
from studies.search_result import SearchResult
from studies.trials import tell

SPACE = create_space("cifar-resnet")


def _candidate(number: int, macs: int, **scores: float) -> Candidate:
    arch = list(SPACE.enumerate())[number]
    return Candidate(arch, macs, macs, {"macs": -0.5}, scores)


REFERENCE = [_candidate(n, 10 + n, a=float(n), b=float(n)) for n in range(8)]
DEGENERATE = _candidate(8, 1, a=-math.inf, b=1.0)
"""The cheapest of all."""


def _study(found: Sequence[Candidate], objectives: Objectives) -> optuna.Study:
    study = optuna.create_study(directions=objectives.directions)
    for candidate in found:
        study.enqueue_trial(dict(candidate.arch))
        trial = study.ask(dict(SPACE.distributions))
        valued = objectives.has_values(candidate)
        tell(study, trial, candidate, objectives.values(candidate), None, valued=valued)
    return study


@pytest.mark.parametrize("names", [["a", "macs"], ["score", "macs"]])
def test_values_below_the_worst_of_the_reference_stay_as_they_are(names: list[str]) -> None:
    objectives = Objectives(names, ["a", "b"], REFERENCE)
    bad, worse = (_candidate(9, 9, a=a, b=a) for a in (-500.0, -1_000.0))
    assert objectives.values(worse)[0] < objectives.values(bad)[0]
    assert objectives.values(bad)[0] == (-500.0 if names[0] == "a" else objectives.score(bad))


@pytest.mark.parametrize("fusion", ["reference", "log-rank"])
@pytest.mark.parametrize("names", [["a", "macs"], ["score", "macs"], ["a"]])
def test_without_a_value_a_candidate_is_below_all_others(names: list[str], fusion: Fusion) -> None:
    objectives = Objectives(names, ["a", "b"], REFERENCE, fusion)
    far_below = _candidate(9, 20, a=-1_000.0, b=-1_000.0)
    found = [*REFERENCE, far_below, DEGENERATE]
    result = SearchResult(objectives)
    for candidate in found:
        objectives.add(candidate)
    study = _study(found, objectives)
    for trial in study.trials:
        result.add(trial)
    if fusion == "log-rank" and "a" not in names:  # one value is enough for a score by ranks
        assert DEGENERATE in result.front
        return
    assert DEGENERATE not in result.front
    best = study.best_trials if len(names) > 1 else [study.best_trial]
    assert {Arch(t.params) for t in best} == {c.arch for c in result.front}
    selected = NSGAIISampler(population_size=9)._elite_population_selection_strategy
    parents = {Arch(t.params) for t in selected(study, study.trials)}
    assert parents == {c.arch for c in [*REFERENCE, far_below]}
