"""The metrics of the first, the middle and the last unit of a pre-training, side by side."""

from __future__ import annotations

import pandas as pd

from nas_kd.report.pretraining import facts
from nas_kd.report.pretraining.families import words


def unit_rows(metrics: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """The head of the table, and a row for every metric; both begin with its name."""
    last = len(metrics) - 1
    units = list(dict.fromkeys([0, last // 2, last])) if last >= 0 else []
    told = [facts.spelled(_values(metrics, unit)) for unit in units]
    names = list(told[0]) if told else []
    head = ["", *(f"unit {unit + 1}" for unit in units)]
    return head, [[words(name), *(values[name] for values in told)] for name in names]


def _values(metrics: pd.DataFrame, unit: int) -> dict[str, float]:
    return {str(name): float(value) for name, value in metrics.iloc[unit].items()}
