"""A pre-training on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from nas_kd.report.metrics_table import metrics_table
from nas_kd.report.pretraining import facts


def pretraining_tables(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Everything that a finished or unfinished pre-training has to say."""
    yield Text(f"{facts.headline(document)} {facts.extent_line(document)}")
    if document["units"]:
        yield metrics_table(Path(document["run_dir"]) / "metrics.csv")
    lines = facts.cell_lines(document)
    if lines:
        yield Text("\n".join(["Found cell:", *(f"  {line}" for line in lines)]))
