"""Candidates as Optuna trials: written in batches, read back whole."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial

from studies.candidates import Candidate

_CANDIDATE = "candidate"
_DUPLICATE_OF = "duplicate_of"
NO_VALUE = "no_value"
"""The constraint that candidates within the budget violate for which a placeholder stands."""
# optuna-dashboard 0.21 reads only this older form of the constraints; Optuna 5 writes one
# attribute for each constraint. See `mark_constraints`.
_OLD_CONSTRAINTS = "constraints"


def tell(
    study: optuna.Study,
    trial: Trial,
    candidate: Candidate,
    values: Sequence[float],
    duplicate_of: int | None,
    *,
    valued: bool = True,
) -> None:
    """Finishes a trial with what is known of its candidate; ``valued`` as in `constraints`."""
    for name, attribute in attributes(candidate, duplicate_of).items():
        trial.set_user_attr(name, attribute)
    for metric, violation in constraints(candidate, valued).items():
        trial.set_constraint(metric, violation)
    study.tell(trial, list(values))


def attributes(candidate: Candidate, duplicate_of: int | None) -> dict[str, Any]:
    """The user attributes of a finished trial."""
    found: dict[str, Any] = {_CANDIDATE: candidate.to_dict()}
    return found if duplicate_of is None else {**found, _DUPLICATE_OF: duplicate_of}


def constraints(candidate: Candidate, valued: bool) -> dict[str, float]:
    """The constraints of a trial: at most 0 where they hold.

    A candidate that is over the budget violates one already. A degenerate one violates `NO_VALUE`,
    so that every sampler and the dashboard rank it below all that have values, in whatever
    objectives, such as MACs, it may be the best.

    Args:
        candidate: What the trial evaluated.
        valued: Whether all its objectives have values (`studies.objectives.Objectives.has_values`).
    """
    found = dict(candidate.violations)
    return found | {NO_VALUE: 1.0} if candidate.feasible and not valued else found


def candidate_of(trial: FrozenTrial) -> Candidate:
    """The candidate that a trial evaluated."""
    return Candidate.from_dict(trial.user_attrs[_CANDIDATE])


def key_of(trial: FrozenTrial) -> str:
    """The canonical key of the candidate that a trial evaluated."""
    return str(trial.user_attrs[_CANDIDATE]["key"])


def duplicate_of(trial: FrozenTrial) -> int | None:
    """Number of the first trial with the same canonical arch; None for that first one."""
    number: int | None = trial.user_attrs.get(_DUPLICATE_OF)
    return number


def revalued(trial: FrozenTrial, values: Sequence[float]) -> FrozenTrial:
    """The trial as if it had been told with other values; the one that is given stays as it is."""
    other = copy.copy(trial)
    other.values = list(values)
    return other


def mark_constraints(trial: FrozenTrial) -> FrozenTrial:
    """Adds the older form of the constraints, for the dashboard; feasibility stays the same."""
    trial.system_attrs[_OLD_CONSTRAINTS] = list(trial.constraints.values())
    return trial


def unmark_constraints(trial: FrozenTrial) -> FrozenTrial:
    """Takes the older form away again, so that samplers see every constraint once."""
    trial.system_attrs.pop(_OLD_CONSTRAINTS, None)
    return trial
