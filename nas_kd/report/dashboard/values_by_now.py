"""Objective values as they are by now, where a search fuses proxies by ranks."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from optuna.trial import FrozenTrial, TrialState

from studies.candidates import Candidate
from studies.objectives import SCORE, Objectives
from studies.run_directory import REFERENCE, RunDirectory
from studies.trials import candidate_of, key_of


class ValuesByNow:
    """Ranks the candidates of all trials anew when there are more of them.

    A trial is written with the score that it has among the candidates of that moment; the result
    and the table of candidates have that among all.

    Args:
        run: Of a search whose scores move.
    """

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._objectives: Objectives | None = None
        self._candidates: dict[str, Candidate] = {}
        self._trials = 0
        self._values: Mapping[str, list[float]] = {}

    @classmethod
    def of(cls, run: RunDirectory) -> ValuesByNow | None:
        """For a run; None where values stay as they are written."""
        search = run.recipe.search
        return cls(run) if search.fusion != "reference" and SCORE in search.objectives else None

    def by_number(self, trials: Sequence[FrozenTrial]) -> dict[int, list[float]]:
        """By the number of the trial, for those that are complete.

        Args:
            trials: All trials of the study.
        """
        told = [t for t in trials if t.state == TrialState.COMPLETE]
        with self._lock:
            if len(told) != self._trials:
                self._rank(told)
            return {trial.number: self._values[key_of(trial)] for trial in told}

    def _rank(self, told: Sequence[FrozenTrial]) -> None:
        if self._objectives is None:  # the reference is kept before the first trial is
            self._objectives = _objectives(self._run, _reference(self._run))
        for trial in told:
            if key_of(trial) not in self._candidates:
                candidate = candidate_of(trial)
                self._candidates[candidate.key] = candidate
                self._objectives.add(candidate)
        self._values = {key: self._objectives.values(c) for key, c in self._candidates.items()}
        self._trials = len(told)


def _objectives(run: RunDirectory, reference: Sequence[Candidate]) -> Objectives:
    search = run.recipe.search
    return Objectives(search.objectives, search.proxies, reference, search.fusion)


def _reference(run: RunDirectory) -> list[Candidate]:
    kept = run.read_state(REFERENCE) or {"candidates": []}
    return [Candidate.from_dict(state) for state in kept["candidates"]]
