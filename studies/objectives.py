"""What a study optimises: the fused score, single proxies, counted costs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from optuna.study import StudyDirection

from nas_kd.errors import UsageError
from nas_kd.registry import unknown_name
from studies.candidates import Candidate
from studies.fused_score import floor_below, fused_score
from studies.fusions import Fusion

SCORE = "score"
LATENCY = "latency_ms"
_COSTS = ("macs", "params", LATENCY)


class Objectives:
    """Turns candidates into objective values.

    With the fusion ``reference`` the fused score is measured against a reference sample of the
    space (`ReferenceScore`), so that a trial's value never changes afterwards. With one by ranks
    (`RankScore`) it is that among all candidates added so far, and moves when others are added.
    Candidates without a finite value (over the budget, or degenerate) get a floor below the worst:
    ranked last, finite for the storage, marked by their constraints or attributes.

    Args:
        names: Objective names, ``score``, proxies, ``macs``, ``params`` or ``latency_ms``.
        proxies: Names of the scored proxies.
        reference: Scored candidates that fix the scale, at least one.
        fusion: How the proxies are fused.
    """

    def __init__(
        self,
        names: Sequence[str],
        proxies: Sequence[str],
        reference: Sequence[Candidate],
        fusion: Fusion = "reference",
    ) -> None:
        check_objectives(names, proxies)
        self.names = list(names)
        self._fused = fused_score(fusion, proxies, reference)
        self._floors = {
            name: floor_below([candidate.scores[name] for candidate in reference])
            for name in proxies
        }

    @property
    def directions(self) -> list[StudyDirection]:
        return directions(self.names)

    @property
    def move(self) -> bool:
        """Whether values change when other candidates are added."""
        return self._fused.moves and SCORE in self.names

    def add(self, candidate: Candidate) -> None:
        """Takes note of a candidate, once; those of the reference are known."""
        self._fused.add(candidate)

    def score(self, candidate: Candidate) -> float:
        """The fused score; -inf for a candidate that was not scored or has no value."""
        return self._fused.of(candidate)

    def values(self, candidate: Candidate) -> list[float]:
        """One finite value for each objective, in order."""
        return [self._value(name, candidate) for name in self.names]

    def _value(self, name: str, candidate: Candidate) -> float:
        if name in _COSTS:
            return candidate.costs[name]
        if name == SCORE:
            value, floor = self.score(candidate), self._fused.floor
        else:
            value, floor = candidate.scores.get(name, -math.inf), self._floors[name]
        return max(value, floor) if math.isfinite(value) else floor


def directions(names: Sequence[str]) -> list[StudyDirection]:
    """Optuna's direction for each objective: costs are minimised, scores maximised."""
    return [
        StudyDirection.MINIMIZE if name in _COSTS else StudyDirection.MAXIMIZE for name in names
    ]


def check_objectives(names: Sequence[str], proxies: Sequence[str]) -> None:
    """Raises `UsageError` for an objective that the study cannot compute."""
    known = [SCORE, *proxies, *_COSTS]
    for name in names:
        if name not in known:
            raise UsageError(unknown_name("objectives", name, known))
