"""What the journal of a running search says so far: counts, and the front."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from studies.run_directory import RunDirectory

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

    from search_spaces import SearchSpace
    from studies.candidates import Candidate


class JournalFront:
    """Reads a journal again and again, each time only the trials that are new.

    Args:
        run: The run; its journal need not be there yet.
    """

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._study: Study | None = None
        self._space: SearchSpace | None = None
        self._seen: set[int] = set()
        self._feasible: dict[str, bool] = {}
        self._front: dict[str, tuple[list[float], dict[str, Any]]] = {}

    def read(self) -> dict[str, Any]:
        """``evaluated``, ``unique``, ``feasible`` and ``front``, as in a run's document.

        The front holds the scored candidates within the budget that no other one dominates in the
        objectives, best score first.
        """
        self._study = self._study or _open_study(self._run)
        if self._study is not None:
            self._look_at(self._study)
        best_first = sorted(self._front, key=self._rank)
        return {
            "evaluated": len(self._seen),
            "unique": len(self._feasible),
            "feasible": sum(self._feasible.values()),
            "front": [self._front[key][1] for key in best_first],
        }

    def _look_at(self, study: Study) -> None:
        from optuna.trial import TrialState

        for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            if trial.number not in self._seen:
                self._seen.add(trial.number)
                self._add(trial, study)

    def _add(self, trial: FrozenTrial, study: Study) -> None:
        from studies.trials import candidate_of

        candidate = candidate_of(trial)
        if candidate.key in self._feasible:
            return
        self._feasible[candidate.key] = candidate.feasible
        if not candidate.feasible or not candidate.scores or candidate.degenerate:
            return
        losses = _losses(trial, study)
        if any(_dominates(other, losses) for other, _ in self._front.values()):
            return
        for key in [k for k, (other, _) in self._front.items() if _dominates(losses, other)]:
            del self._front[key]
        objectives = dict(zip(study.metric_names or [], trial.values, strict=False))
        self._front[candidate.key] = (losses, self._entry(candidate, objectives.get("score")))

    def _entry(self, candidate: Candidate, score: float | None) -> dict[str, Any]:
        return {
            "arch": dict(candidate.arch),
            "description": self._own_space().describe(candidate.arch),
            "macs": candidate.macs,
            "params": candidate.params,
            "latency_ms": None,
            "predicted_latency_ms": candidate.predicted_ms,
            "scores": {"score": score, **candidate.scores},
        }

    def _rank(self, key: str) -> tuple[float, int, str]:
        """Best score first, then fewest MACs, as a search ranks its candidates."""
        _, entry = self._front[key]
        score = entry["scores"]["score"]
        return (math.inf if score is None else -score, entry["macs"], key)

    def _own_space(self) -> SearchSpace:
        if self._space is None:
            from search_spaces import create_space

            section = self._run.recipe.space
            self._space = create_space(section.name, **section.options)
        return self._space


def _open_study(run: RunDirectory) -> Study | None:
    """The study, up to where its journal is damaged; None while it is not there or empty."""
    if not run.journal.is_file():
        return None
    import optuna

    from studies.journal import open_storage

    try:
        return optuna.load_study(study_name=None, storage=open_storage(run.journal, run.tell))
    except (KeyError, ValueError):
        return None


def _losses(trial: FrozenTrial, study: Study) -> list[float]:
    """The objectives, each with the sign with which less is better."""
    from optuna.study import StudyDirection

    return [
        -value if direction == StudyDirection.MAXIMIZE else value
        for value, direction in zip(trial.values, study.directions, strict=True)
    ]


def _dominates(one: list[float], other: list[float]) -> bool:
    """Whether ``one`` is nowhere worse and somewhere better; of two equal values the first wins."""
    nowhere_worse = all(a <= b for a, b in zip(one, other, strict=True))
    return nowhere_worse and (len(one) == 1 or one != other)
