"""Made-up candidates, and journals as a search writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import optuna
from optuna.study import StudyDirection

from search_spaces import CifarResNet, SearchSpace
from studies.candidates import Candidate
from studies.journal import open_storage
from studies.run_directory import FOUND, RunDirectory
from studies.trials import candidate_of, mark_constraints, tell

SCORE_AND_MACS = (("score", StudyDirection.MAXIMIZE), ("macs", StudyDirection.MINIMIZE))


def candidates() -> list[tuple[Candidate, float]]:
    """All archs of a space with made-up scores; some over the budget, some without a value."""
    generator = np.random.default_rng(0)
    found = []
    for number, arch in enumerate(CifarResNet().enumerate()):
        score = float(generator.normal())
        macs = 1_000 * sum(int(depth) for depth in arch.values())
        over, degenerate = number % 7 == 0, number % 11 == 5
        scores = {} if over else {"naswot": -math.inf if degenerate else score}
        violations = {"macs": 0.5 if over else -0.5}
        found.append((Candidate(arch, macs, macs // 10, violations, scores), score))
    return found


def append(
    run: RunDirectory,
    told: Sequence[tuple[Candidate, float]],
    objectives: Sequence[tuple[str, StudyDirection]] = SCORE_AND_MACS,
    space: SearchSpace | None = None,
) -> None:
    """Adds trials to the journal, in one batch, and keeps their counts, as a search does.

    With ``space``, the trials hold their genes.
    """
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
    found = [candidate_of(trial) for trial in journal.trials]
    feasible = {candidate.key: candidate.feasible for candidate in found}
    counts = {"evaluated": len(found), "unique": len(feasible), "feasible": sum(feasible.values())}
    run.write_state(FOUND, {**counts, "front": []})
