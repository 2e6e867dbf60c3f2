"""What a study optimises: the fused score, single proxies, counted costs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
from optuna.study import StudyDirection

from nas_kd.errors import UsageError
from nas_kd.registry import unknown_name
from proxies import ReferenceFusion
from studies.candidates import Candidate

SCORE = "score"
LATENCY = "latency_ms"
_COSTS = ("macs", "params", LATENCY)


class Objectives:
    """Turns candidates into objective values, by a scale fixed before the search.

    The fused score is measured against a reference sample of the space (see `ReferenceFusion`), so
    that a trial's value never changes afterwards. Candidates without a finite value (over the
    budget, or degenerate) get a floor one unit below the worst of the reference: ranked last,
    finite for the storage, marked by their constraints or attributes.

    Args:
        names: Objective names, ``score``, proxies, ``macs``, ``params`` or ``latency_ms``.
        proxies: Names of the scored proxies.
        reference: Scored candidates that fix the scale, at least one.
    """

    def __init__(
        self, names: Sequence[str], proxies: Sequence[str], reference: Sequence[Candidate]
    ) -> None:
        check_objectives(names, proxies)
        self.names = list(names)
        self._proxies = list(proxies)
        frame = pd.DataFrame([dict(c.scores) for c in reference], columns=self._proxies)
        self._fusion = ReferenceFusion(frame)
        self._floors = {name: _floor(frame[name]) for name in self._proxies}
        self._floors[SCORE] = _floor(pd.Series([self.score(c) for c in reference]))

    @property
    def directions(self) -> list[StudyDirection]:
        return directions(self.names)

    def score(self, candidate: Candidate) -> float:
        """The fused score; -inf for a candidate that was not scored or is degenerate."""
        if not candidate.scores or candidate.degenerate:
            return -math.inf
        return self._fusion.score(candidate.scores)

    def values(self, candidate: Candidate) -> list[float]:
        """One finite value for each objective, in order."""
        return [self._value(name, candidate) for name in self.names]

    def _value(self, name: str, candidate: Candidate) -> float:
        if name in _COSTS:
            return candidate.costs[name]
        value = self.score(candidate) if name == SCORE else candidate.scores.get(name, -math.inf)
        return max(value, self._floors[name]) if math.isfinite(value) else self._floors[name]


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


def _floor(values: pd.Series) -> float:
    finite = values[values.map(math.isfinite)]
    return float(finite.min()) - 1.0 if len(finite) else -1.0
