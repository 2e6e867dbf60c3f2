"""A pre-training on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from nas_kd.report.pretraining import facts
from nas_kd.report.pretraining.unit_rows import unit_rows


def pretraining_tables(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Everything that a finished or unfinished pre-training has to say."""
    yield Text(f"{facts.headline(document)} {facts.extent_line(document)}")
    if document["units"]:
        yield metrics_table(pd.read_csv(Path(document["run_dir"]) / "metrics.csv"))
    lines = facts.cell_lines(document)
    if lines:
        yield Text("\n".join(["Found cell:", *(f"  {line}" for line in lines)]))


def metrics_table(metrics: pd.DataFrame) -> Table:
    """A line for every metric: its value in the first, middle and last unit."""
    head, rows = unit_rows(metrics)
    table = Table(box=box.SIMPLE_HEAD)
    for name in head:
        table.add_column(name, justify="right" if name else "left")
    for row in rows:
        table.add_row(*row)
    return table
