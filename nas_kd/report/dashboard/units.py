"""The units of a pre-training as the trials of a study, so that Optuna's dashboard shows them."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from nas_kd.report.pretraining.families import families, principal


class UnitStudy:
    """A study in memory with a trial for every unit, whose attributes are the unit's metrics.

    Its objective is the metric by which units are compared (`principal`).

    Args:
        name: Of the study.
        metrics: The units so far, at least one.
        began: When the first one did.
    """

    def __init__(self, name: str, metrics: pd.DataFrame, began: datetime) -> None:
        self._objective, family = principal(families([str(c) for c in metrics.columns]))
        self._began = began
        self._study = optuna.create_study(
            study_name=name,
            storage=InMemoryStorage(),
            direction="maximize" if family.is_share else "minimize",
        )
        self._study.set_metric_names([self._objective])
        self.add(metrics)

    @property
    def storage(self) -> BaseStorage:
        return self._study._storage

    def add(self, metrics: pd.DataFrame) -> None:
        """Adds the units that are new.

        Args:
            metrics: All units so far.
        """
        known = len(self._study.get_trials(deepcopy=False))
        ends = metrics["seconds"].cumsum()
        for number in range(known, len(metrics)):
            row = {str(name): float(v) for name, v in metrics.iloc[number].dropna().items()}
            trial = self._trial(row)
            trial.datetime_complete = self._began + timedelta(seconds=float(ends[number]))
            trial.datetime_start = trial.datetime_complete - timedelta(seconds=row["seconds"])
            self._study.add_trial(trial)

    def _trial(self, row: dict[str, float]) -> FrozenTrial:
        attributes: dict[str, Any] = {
            name: value for name, value in row.items() if math.isfinite(value)
        }
        value = attributes.get(self._objective)
        if value is None:
            return create_trial(state=TrialState.FAIL, user_attrs=attributes)
        return create_trial(value=value, user_attrs=attributes)


def beginning(csv: Path, metrics: pd.DataFrame) -> datetime:
    """When a training began that was never interrupted, by the age of its last unit."""
    ended = datetime.fromtimestamp(csv.stat().st_mtime)
    return ended - timedelta(seconds=float(metrics["seconds"].sum()))
