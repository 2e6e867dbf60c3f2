"""What a study optimises: the fused score, single proxies, counted costs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from optuna.study import StudyDirection

from nas_kd.errors import UsageError
from nas_kd.registry import unknown_name
from studies.candidates import Candidate
from studies.fused_score import fused_score, placeholder
from studies.fusions import Fusion

SCORE = "score"
LATENCY = "latency_ms"
_COSTS = ("macs", "params", LATENCY)


class Objectives:
    """Turns candidates into objective values.

    With the fusion ``reference`` the fused score is measured against a reference sample of the
    space (`ReferenceScore`), so that a trial's value never changes afterwards. With one by ranks
    (`RankScore`) it is that among all candidates added so far, and moves when others are added.
    Where a candidate has no finite value (over the budget, or degenerate) a placeholder stands, for
    the storage. What ranks it last is a constraint that it violates (`studies.trials.constraints`):
    finite values, which may lie below any placeholder, are never changed.

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
        self._placeholders = {
            name: placeholder([candidate.scores[name] for candidate in reference])
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

    def has_values(self, candidate: Candidate) -> bool:
        """Whether the fused score and every objective have a finite value, and none stands in."""
        return all(math.isfinite(self._raw(name, candidate)) for name in {SCORE, *self.names})

    def _value(self, name: str, candidate: Candidate) -> float:
        value = self._raw(name, candidate)
        if math.isfinite(value):
            return value
        return self._fused.placeholder if name == SCORE else self._placeholders[name]

    def _raw(self, name: str, candidate: Candidate) -> float:
        if name in _COSTS:
            return candidate.costs[name]
        if name == SCORE:
            return self.score(candidate)
        return candidate.scores.get(name, -math.inf)


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
