"""Journals as a search writes them."""

from __future__ import annotations

from collections.abc import Sequence

import optuna
from optuna.study import StudyDirection

from search_spaces import SearchSpace
from studies.candidates import Candidate
from studies.journal import open_storage
from studies.run_directory import RunDirectory
from studies.trials import mark_constraints, tell

SCORE_AND_MACS = (("score", StudyDirection.MAXIMIZE), ("macs", StudyDirection.MINIMIZE))


def append(
    run: RunDirectory,
    told: Sequence[tuple[Candidate, float]],
    objectives: Sequence[tuple[str, StudyDirection]] = SCORE_AND_MACS,
    space: SearchSpace | None = None,
) -> None:
    """Adds trials to the journal, in one batch, as a search does; with ``space``, their genes."""
    directions = [direction for _, direction in objectives]
    journal = optuna.create_study(
        study_name="run",
        storage=open_storage(run.journal),
        directions=directions,
        load_if_exists=True,
    )
    journal.set_metric_names([name for name, _ in objectives])
    study = optuna.create_study(directions=directions)
    for candidate, score in told:
        values = {"score": score, "macs": float(candidate.macs)}
        if space is not None:
            study.enqueue_trial(dict(candidate.arch))
        trial = study.ask(None if space is None else dict(space.distributions))
        tell(study, trial, candidate, [values[name] for name, _ in objectives], None)
    journal.add_trials([mark_constraints(trial) for trial in study.get_trials()])
