"""The front as an interactive figure: every candidate with its numbers under the pointer."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from nas_kd.report import numbers
from nas_kd.report.colours import FINALIST, FRONT, WINNER
from nas_kd.report.figure_style import lay_out, mark_limit
from nas_kd.report.front_points import sort_points

CANDIDATE = "#8d99a6"

_MOST = 5_000
"""Dots of one kind; of more, some are left out evenly, and the legend says so."""


def front_figure(candidates: pd.DataFrame, document: Mapping[str, Any]) -> go.Figure:
    """Score against cost (`front_axes`), with front, finalists, student and budget.

    Candidates over the counted budget have no score and are left out. Of many candidates, only
    some are shown beside the front, spread evenly over the trials.
    """
    points = sort_points(candidates, document)
    figure = go.Figure()
    figure.add_trace(_dots(points.scored, "candidates", color=CANDIDATE, size=7, opacity=0.6))
    figure.add_trace(
        _dots(points.over_scored, "over the budget", color=CANDIDATE, size=7, symbol="circle-open")
    )
    figure.add_trace(_front(points.front, joined=points.axes.joined))
    figure.add_trace(
        _dots(points.finalists, "finalists", color=FINALIST, size=15, symbol="circle-open")
    )
    figure.add_trace(
        _dots(points.winner, "delivered student", color=WINNER, size=17, symbol="star")
    )
    if points.budget is not None:
        mark_limit(figure, points.budget, f"budget {points.axes.spell(points.budget)}")
    x, y = points.axes.cost_label, escape(points.axes.score_label)
    lay_out(figure, x=x, y=y, height=520, legend_y=1.09)
    if points.axes.is_count:
        figure.update_xaxes(tickformat=".3~s")
    return figure


def _front(front: pd.DataFrame, *, joined: bool) -> go.Scatter:
    shown = _dots(front, "front", color=FRONT, size=8)
    if joined:
        shown.mode = "lines+markers"
        shown.line = {"shape": "hv", "width": 2, "color": FRONT}
    return shown


def _dots(frame: pd.DataFrame, name: str, *, color: str, size: int, **marker: Any) -> go.Scatter:
    opacity = marker.pop("opacity", 1.0)
    width = 2 if "open" in marker.get("symbol", "") else 0
    total, frame = len(frame), frame.iloc[:: max(1, -(-len(frame) // _MOST))]
    number = f"{len(frame)}" if len(frame) == total else f"{len(frame):,} of {total:,}"
    return go.Scatter(
        x=frame["x"].tolist(),
        y=frame["y"].tolist(),
        mode="markers",
        name=f"{name} ({number})" if name != "delivered student" else name,
        text=[_hover(row) for _, row in frame.iterrows()],
        hovertemplate="%{text}<extra></extra>",
        marker={"color": color, "size": size, "line": {"width": width}, **marker},
        opacity=opacity,
        visible=True if len(frame) else "legendonly",
        showlegend=bool(len(frame)),
    )


def _hover(row: pd.Series) -> str:
    lines = [
        escape(str(row["label"])),
        f"score {numbers.score(row['score'])}",
        f"{numbers.count(row['macs'])} MACs, {numbers.count(row['params'])} parameters",
    ]
    if not numbers.is_missing(row["latency_ms"]):
        lines.append(numbers.milliseconds(row["latency_ms"]))
    return "<br>".join(lines)
