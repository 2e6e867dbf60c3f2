"""What a search has found, so far or in the end."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable

from optuna.trial import FrozenTrial

from studies.candidates import Candidate
from studies.front import Front
from studies.objectives import Objectives
from studies.trials import candidate_of, key_of, revalued


class SearchResult:
    """Grows trial by trial.

    Attributes:
        objectives: The scale on which candidates are compared.
        trials: All trials, duplicates included, in order.
    """

    def __init__(self, objectives: Objectives) -> None:
        self.objectives = objectives
        self.trials: list[FrozenTrial] = []
        self._candidates: dict[str, Candidate] = {}
        self._first_trials: dict[str, int] = {}
        self._front = Front(objectives.directions)

    def add(self, trial: FrozenTrial, candidate: Candidate | None = None) -> None:
        """Takes up one more trial, whose candidate the caller may know already."""
        number, key = len(self.trials), key_of(trial)
        self.trials.append(trial)
        if key in self._first_trials:
            return
        candidate = candidate or candidate_of(trial)
        self._first_trials[key] = number
        self._candidates[key] = candidate
        self.objectives.add(candidate)
        if not self.objectives.move and self._is_comparable(candidate):
            self._front.add(key, trial.values)

    @property
    def values_by_now(self) -> list[list[float]]:
        """The values that the candidates of the trials have by now.

        They differ from what was told at the time where scores are ranks: others came after.
        """
        values = {key: self.objectives.values(c) for key, c in self._candidates.items()}
        return [values[key_of(trial)] for trial in self.trials]

    @property
    def trials_by_now(self) -> list[FrozenTrial]:
        """The trials with their `values_by_now`."""
        if not self.objectives.move:
            return self.trials
        return list(map(revalued, self.trials, self.values_by_now))

    def first_trial(self, key: str) -> int | None:
        """Number of the first trial with this canonical key; None where there is none yet."""
        return self._first_trials.get(key)

    @property
    def unique(self) -> list[Candidate]:
        """The distinct candidates of the trials, in order of first appearance."""
        return list(self._candidates.values())

    @property
    def ranking(self) -> list[Candidate]:
        """Scored feasible candidates, best score first; equal scores by fewer MACs, then key."""
        return self.best_first(filter(self._is_ranked, self._candidates.values()))

    @property
    def front(self) -> list[Candidate]:
        """The ranked candidates that no other one dominates in the objectives, best score first.

        Each has a value in every objective.
        """
        if self.objectives.move:
            return self.front_without(())
        return self.best_first(self._candidates[key] for key in self._front)

    def front_without(self, keys: Collection[str]) -> list[Candidate]:
        """The front of all candidates but those of ``keys``, best score first."""
        front = Front(self.objectives.directions)
        for candidate in filter(self._is_comparable, self._candidates.values()):
            if candidate.key not in keys:
                front.add(candidate.key, self.objectives.values(candidate))
        return self.best_first(self._candidates[key] for key in front)

    def best_first(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Candidates of this search by falling score; equal scores by fewer MACs, then key."""
        return sorted(candidates, key=lambda c: (-self.objectives.score(c), c.macs, c.key))

    def _is_comparable(self, candidate: Candidate) -> bool:
        return candidate.feasible and self.objectives.has_values(candidate)

    def _is_ranked(self, candidate: Candidate) -> bool:
        return candidate.feasible and math.isfinite(self.objectives.score(candidate))
