"""All interactive figures of a run, as the page and the dashboard show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from nas_kd.report.front_figure import front_figure
from nas_kd.report.latency_figures import latency_figure, prediction_figure
from nas_kd.report.proxy_figure import agreement_figure


@dataclass(frozen=True)
class RunFigure:
    """A figure with a name that stays the same from run to run, and a heading."""

    name: str
    heading: str
    figure: go.Figure


def run_figures(
    candidates: pd.DataFrame, measured: pd.DataFrame, document: Mapping[str, Any]
) -> list[RunFigure]:
    """The figures for which the run has the data; none before its search is over.

    Args:
        candidates: The run's candidates, one row a trial (`RunDirectory.read_candidates`).
        measured: See `nas_kd.report.measurements.read_measurements`.
        document: The run's document, finished or partial.
    """
    if not len(candidates):
        return []
    proxies = document.get("proxies") or []
    found = {
        ("front", "Front"): front_figure(candidates, document),
        ("latency", "Measured latency against score"): latency_figure(measured, document),
        ("prediction", "Predicted against measured latency"): prediction_figure(measured),
        ("agreement", "Agreement of the proxies"): agreement_figure(candidates, proxies),
    }
    return [
        RunFigure(name, heading, figure)
        for (name, heading), figure in found.items()
        if figure is not None
    ]
