"""Writes the pictures and the page of a pre-training into its directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.report.architecture import drawing_in
from nas_kd.report.architecture_plot import draw_architecture
from nas_kd.report.metrics_plot import draw_metrics
from nas_kd.report.pretraining.document import read_pretraining
from nas_kd.report.pretraining.html import write_html
from nas_kd.training.pretraining import PretrainingFolder
from nas_kd.whole_files import replaced

if TYPE_CHECKING:
    from search_spaces import Drawing


def write_pretraining_report(folder: PretrainingFolder) -> list[Path]:
    """Writes ``metrics.png``, ``report.html`` and, of a found cell, ``architecture.png``.

    Each is replaced at once. Nothing is written before the first unit is over.

    Raises:
        UsageError: A file of the run is damaged.
    """
    document, metrics = read_pretraining(folder), folder.read_metrics()
    if not len(metrics):
        return []
    drawing = drawing_of_found_cell(document)
    pictures = [
        draw_metrics(folder.metrics_csv, folder.path / "metrics.png", title=document["method"])
    ]
    if drawing is not None:
        pictures.append(draw_architecture(drawing, folder.path / "architecture.png"))
    page = folder.path / "report.html"
    with replaced(page) as draft:
        write_html(draft, document=document, metrics=metrics, drawing=drawing)
    return [*pictures, page]


def drawing_of_found_cell(document: Mapping[str, Any]) -> Drawing | None:
    """A drawing of the cell that a differentiable search found; None where there is none."""
    found = document.get("supernet") or {}
    if not found.get("arch"):
        return None
    return drawing_in(document["space"], document.get("space_options") or {}, found)
