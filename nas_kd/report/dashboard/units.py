"""The units of a pre-training as the trials of a study, so that Optuna's dashboard shows them."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from optuna.distributions import IntDistribution
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from nas_kd.report.pretraining.families import families, principal


class UnitStudy:
    """A study in memory with a trial for every unit, whose attributes are the unit's metrics.

    Its objective is the metric by which units are compared (`principal`). The unit's number is its
    only parameter: optuna-dashboard 0.21 fails on studies without any.

    Args:
        name: Of the study.
        metrics: The units so far, at least one.
        total: How many there will be, where that is known.
        began: When the first one did.
    """

    def __init__(
        self, name: str, metrics: pd.DataFrame, total: int | None, began: datetime
    ) -> None:
        self._total = max(total or 0, len(metrics))
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
            trial = self._trial(int(row.pop("unit")), row)
            trial.datetime_complete = self._began + timedelta(seconds=float(ends[number]))
            trial.datetime_start = trial.datetime_complete - timedelta(seconds=row["seconds"])
            self._study.add_trial(trial)

    def _trial(self, unit: int, row: dict[str, float]) -> FrozenTrial:
        attributes: dict[str, Any] = {
            name: value for name, value in row.items() if math.isfinite(value)
        }
        value = attributes.get(self._objective)
        return create_trial(
            state=TrialState.FAIL if value is None else TrialState.COMPLETE,
            value=value,
            params={"unit": unit},
            distributions={"unit": IntDistribution(1, max(unit, self._total))},
            user_attrs=attributes,
        )


def beginning(csv: Path, metrics: pd.DataFrame) -> datetime:
    """When a training began that was never interrupted, by the age of its last unit."""
    ended = datetime.fromtimestamp(csv.stat().st_mtime)
    return ended - timedelta(seconds=float(metrics["seconds"].sum()))
