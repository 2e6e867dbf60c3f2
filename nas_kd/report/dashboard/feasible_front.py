"""The dashboard's best trials: the feasible front, as Optuna itself has it."""

from __future__ import annotations

from collections.abc import Sequence

from optuna.study import StudyDirection
from optuna.study._multi_objective import _get_pareto_front_trials_by_trials
from optuna.trial import FrozenTrial, TrialState
from optuna_dashboard import _app

_NAME = "get_pareto_front_trials"


def show_feasible_front() -> None:
    """Puts `feasible_front` in the place of the dashboard's own, for this process.

    optuna-dashboard 0.21 takes infeasible trials for the best ones of a study with several
    objectives, and lets them hide feasible ones.
    """
    if hasattr(_app, _NAME):
        setattr(_app, _NAME, feasible_front)


def feasible_front(
    trials: Sequence[FrozenTrial], directions: Sequence[StudyDirection]
) -> list[FrozenTrial]:
    """What ``study.best_trials`` gives for these trials and directions."""
    return _get_pareto_front_trials_by_trials(trials, directions, consider_constraint=True)


def best_feasible(trials: Sequence[FrozenTrial], direction: StudyDirection) -> FrozenTrial | None:
    """What ``study.best_trial`` gives for one objective; None where no trial is feasible."""
    feasible = [trial for trial in trials if _is_feasible(trial)]
    best = max if direction == StudyDirection.MAXIMIZE else min
    return best(feasible, key=lambda trial: trial.values[0], default=None)


def _is_feasible(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.COMPLETE and all(v <= 0 for v in trial.constraints.values())
