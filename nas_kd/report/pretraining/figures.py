"""The metrics of a pre-training over its units, as the page and the dashboard show them."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from nas_kd.report.figure_style import lay_out
from nas_kd.report.figures import RunFigure
from nas_kd.report.pretraining.families import Family, families, words

_COLORS = ("#0b6fb8", "#e07b00", "#c2185b", "#2e7d32", "#6a3d9a", "#6d4c41")
_HEIGHT = 320
_MANY = 60
"""Units beyond which the curves have no markers."""


def metric_figures(metrics: pd.DataFrame) -> list[RunFigure]:
    """A figure for every family of metrics, with each as a curve over the units.

    Args:
        metrics: A row for every unit (`PretrainingFolder.read_metrics`).
    """
    found = families([str(column) for column in metrics.columns])
    return [
        RunFigure(family.name, family.heading, _figure(metrics, family))
        for family in found
        if metrics[list(family.metrics)].notna().to_numpy().any()
    ]


def _figure(metrics: pd.DataFrame, family: Family) -> go.Figure:
    figure = go.Figure()
    for number, name in enumerate(family.metrics):
        known = metrics[metrics[name].notna()]
        figure.add_trace(
            go.Scatter(
                x=known["unit"].tolist(),
                y=known[name].tolist(),
                name=words(name),
                mode="lines" if len(known) > _MANY else "lines+markers",
                line={"width": 2, "color": _COLORS[number % len(_COLORS)]},
                hovertemplate=f"unit %{{x}}: {_value(family)}",
                showlegend=len(family.metrics) > 1,
            )
        )
    lay_out(figure, x="unit", y="", height=_HEIGHT, legend_y=-0.3)
    if family.is_share:
        figure.update_yaxes(tickformat=".0%")
    return figure


def _value(family: Family) -> str:
    return "%{y:.2%}" if family.is_share else "%{y:.4g}"
