"""``report.html`` of a pre-training."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nas_kd.errors import UsageError
from nas_kd.report import numbers, page
from nas_kd.report.pretraining import facts
from nas_kd.report.pretraining.families import families, words
from nas_kd.report.pretraining.figures import metric_figures
from nas_kd.report.pretraining.settings import settings_toml
from nas_kd.report.pretraining.unit_rows import unit_rows
from nas_kd.training.pretraining import METHODS

if TYPE_CHECKING:
    from search_spaces import Drawing


def write_html(
    path: Path, *, document: Mapping[str, Any], metrics: pd.DataFrame, drawing: Drawing | None
) -> Path:
    """Writes the page: the found cell, curves of all metrics, numbers, settings, time.

    All text that comes from the run is escaped.

    Args:
        path: Where the page goes.
        document: The pre-training's document, finished or partial (`read_pretraining`).
        metrics: A row for every unit (`PretrainingFolder.read_metrics`).
        drawing: The cell that a differentiable search found; None where there is none.
    """
    body = [
        _header(document),
        page.tiles(_tiles(document)),
        page.section("The cell that was found", _cell(document, drawing)),
        page.section("Metrics of every unit", _curves(metrics)),
        page.section("First, middle and last unit", page.table(*unit_rows(metrics))),
        page.section("Where the time went", _seconds(metrics)),
        page.section("Settings", f"<pre>{escape(settings_toml(document))}</pre>"),
    ]
    title = f"nas-kd: {document['method']} on {document['space']}"
    return page.write_page(path, title, body)


def _header(document: Mapping[str, Any]) -> str:
    state = f"{facts.headline(document)} {facts.extent_line(document)}"
    lines = [state, _source(str(document["method"]))]
    told = "".join(f"<p>{escape(line)}</p>" for line in lines if line)
    heading = f"A supernet of {document['space']}"
    return f"<header><h1>{escape(heading)}</h1>{told}</header>"


def _source(name: str) -> str:
    """What the method does and where it comes from; nothing where it is not installed here."""
    try:
        method = METHODS.get(name)
    except UsageError:
        return ""
    return f"{name}: {method.summary}. Source: {method.source}."


def _tiles(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The accuracies of the last unit, the number of units and their time."""
    last = document["last"] or {}
    told = facts.spelled(last)
    tiles = [
        (told[name], words(name))
        for family in families(list(last))
        if family.is_share
        for name in family.metrics
    ]
    state = "units" if document["supernet"] else "units so far"
    return [*tiles, (str(document["units"]), state), (numbers.seconds(document["seconds"]), "time")]


def _cell(document: Mapping[str, Any], drawing: Drawing | None) -> str:
    if drawing is None:
        return ""
    lines = "".join(f"<p>{escape(line)}</p>" for line in facts.lines_on_cell(document))
    return page.drawn(drawing) + lines


def _curves(metrics: pd.DataFrame) -> str:
    """The figures side by side; the first brings the library that draws them all."""
    panels = [
        f"<div><h3>{escape(shown.heading)}</h3>"
        f"{page.figure(shown.figure, include_library=number == 0)}</div>"
        for number, shown in enumerate(metric_figures(metrics))
    ]
    return f'<div class="panels">{"".join(panels)}</div>' if panels else ""


def _seconds(metrics: pd.DataFrame) -> str:
    if not len(metrics):
        return ""
    seconds = metrics["seconds"]
    found = {
        "all units": seconds.sum(),
        "a unit, median": seconds.median(),
        "the fastest": seconds.min(),
        "the slowest": seconds.max(),
    }
    return page.table(["", ""], ([name, numbers.seconds(value)] for name, value in found.items()))
