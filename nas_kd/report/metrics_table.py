"""The first, middle and last units of a pre-training, as a table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from rich import box
from rich.table import Table

from nas_kd.report import numbers


def metrics_table(csv: Path) -> Table:
    """A line for every column of ``metrics.csv``: its value in the first, middle and last unit."""
    metrics = pd.read_csv(csv)
    last = len(metrics) - 1
    units = list(dict.fromkeys([0, last // 2, last])) if last >= 0 else []
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    for unit in units:
        table.add_column(f"unit {unit + 1}", justify="right")
    for name in metrics.columns.drop("unit", errors="ignore"):
        table.add_row(name.replace("_", " "), *(numbers.score(metrics[name][u]) for u in units))
    return table
