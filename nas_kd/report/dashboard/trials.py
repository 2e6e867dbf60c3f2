"""Trials as the dashboard shows them: a column for each number that is known of a candidate."""

from __future__ import annotations

import copy
import math
from typing import Any

from optuna.trial import FrozenTrial

from studies.candidates import Candidate
from studies.trials import candidate_of, duplicate_of


class ShownTrials:
    """Gives finished trials plain attributes in the place of one large one, each trial once."""

    def __init__(self) -> None:
        self._made: dict[int, FrozenTrial] = {}

    def shown(self, trial: FrozenTrial) -> FrozenTrial:
        """The trial with other user attributes; itself while it is not finished."""
        if not trial.state.is_finished():
            return trial
        if trial._trial_id not in self._made:
            self._made[trial._trial_id] = _shown(trial)
        return self._made[trial._trial_id]


def _shown(trial: FrozenTrial) -> FrozenTrial:
    try:
        candidate = candidate_of(trial)
    except KeyError:  # as of a trial that failed
        return trial
    made = copy.copy(trial)
    made.user_attrs = _attributes(candidate, duplicate_of(trial))
    return made


def _attributes(candidate: Candidate, first: int | None) -> dict[str, Any]:
    known: dict[str, float | None] = {
        "macs": candidate.macs,
        "params": candidate.params,
        "predicted_latency_ms": candidate.predicted_ms,
        **{name: value for name, value in candidate.scores.items() if math.isfinite(value)},
        "duplicate_of": first,
    }
    return {name: value for name, value in known.items() if value is not None}
