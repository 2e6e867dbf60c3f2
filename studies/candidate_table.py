"""All candidates of a run as one table."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import pandas as pd
from optuna.trial import FrozenTrial

from studies.measured import Measured
from studies.measured_front import is_feasible, measured_front
from studies.objectives import SCORE, Objectives
from studies.run_directory import RunDirectory
from studies.search_result import SearchResult
from studies.trials import candidate_of, duplicate_of


def candidate_table(result: SearchResult, measured: Mapping[str, Measured]) -> pd.DataFrame:
    """One row a trial.

    Columns: ``trial``, ``key``, ``arch`` (JSON), ``duplicate_of`` (trial number), ``feasible``,
    ``front`` (whether it is on the `measured_front`), ``macs``, ``params``, ``latency_ms``
    (median, only where measured), ``predicted_latency_ms`` (empty where no predictor was fitted),
    ``score`` and one column a proxy (empty where the candidate was over the budget and so not
    scored). A proxy of the name of a cost has no column beside that of the cost.
    """
    on_front = {candidate.key for candidate in measured_front(result, measured)}
    return pd.DataFrame(
        [_row(trial, result.objectives, measured, on_front) for trial in result.trials]
    )


def write_candidates(
    run: RunDirectory, result: SearchResult, measured: Mapping[str, Measured]
) -> None:
    """Writes ``candidates.csv`` of a run."""
    run.write_candidates(candidate_table(result, measured))


def _row(
    trial: FrozenTrial, objectives: Objectives, measured: Mapping[str, Measured], on_front: set[str]
) -> dict[str, object]:
    candidate = candidate_of(trial)
    latency = measured.get(candidate.key)
    score = objectives.score(candidate)
    row: dict[str, object] = {
        "trial": trial.number,
        "key": candidate.key,
        "arch": json.dumps(dict(candidate.arch)),
        "duplicate_of": duplicate_of(trial),
        "feasible": is_feasible(candidate, measured),
        "front": candidate.key in on_front,
        "macs": candidate.macs,
        "params": candidate.params,
        "latency_ms": latency.latency.median_ms if latency else None,
        "predicted_latency_ms": candidate.predicted_ms,
        SCORE: score if math.isfinite(score) else None,
    }
    return row | {name: value for name, value in candidate.scores.items() if name not in row}
