"""Measured latency as interactive figures: against the score, and against its prediction."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from nas_kd.report import numbers
from nas_kd.report.colours import FINALIST, FRONT, WINNER
from nas_kd.report.figure_style import lay_out, mark_limit
from nas_kd.report.front_axes import SCORE_LABEL
from nas_kd.report.front_figure import CANDIDATE
from nas_kd.report.latency_points import (
    MEASURED_LABEL,
    interval_sides,
    sort_latencies,
    sort_predictions,
)


def latency_figure(measured: pd.DataFrame, document: Mapping[str, Any]) -> go.Figure | None:
    """Median latency of every measured candidate, with its 95 % interval, against its score.

    With the latency budget and the delivered student, which was measured once more. None when no
    scored candidate was measured.

    Args:
        measured: See `nas_kd.report.measurements.read_measurements`.
        document: The run's document, finished or partial.
    """
    points = sort_latencies(measured, document)
    if points is None:
        return None
    figure = go.Figure()
    for name, rows, color in (
        ("measured", points.others, CANDIDATE),
        ("finalists", points.finalists, FINALIST),
    ):
        if len(rows):
            figure.add_trace(_dots(rows, "score", f"{name} ({len(rows)})", color))
    if len(points.delivered):
        figure.add_trace(
            _dots(points.delivered, "score", "delivered student", WINNER, symbol="star")
        )
    if points.limit_ms is not None:
        mark_limit(figure, points.limit_ms, f"budget {numbers.milliseconds(points.limit_ms)}")
    lay_out(figure, x=MEASURED_LABEL, y=SCORE_LABEL)
    return figure


def prediction_figure(measured: pd.DataFrame) -> go.Figure | None:
    """Predicted against measured latency of the measured candidates; on the line they are equal.

    Candidates that the predictor has seen measured before are hollow. None when there are no
    predictions.
    """
    points = sort_predictions(measured)
    if points is None:
        return None
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=[points.low_ms, points.high_ms],
            y=[points.low_ms, points.high_ms],
            mode="lines",
            name="equal",
            hoverinfo="skip",
            line={"color": CANDIDATE, "dash": "dot", "width": 1.5},
        )
    )
    for name, rows, symbol in (
        ("measured after the prediction", points.fresh, "circle"),
        ("known to the predictor", points.seen, "circle-open"),
    ):
        if len(rows):
            name = f"{name} ({len(rows)})"
            figure.add_trace(_dots(rows, "predicted_ms", name, FRONT, symbol=symbol))
    lay_out(figure, x=MEASURED_LABEL, y="predicted latency (ms)")
    return figure


def _dots(rows: pd.DataFrame, y: str, name: str, color: str, symbol: str = "circle") -> go.Scatter:
    below, above = interval_sides(rows)
    return go.Scatter(
        x=rows["latency_ms"].tolist(),
        y=rows[y].tolist(),
        mode="markers",
        name=name,
        text=[_hover(row) for _, row in rows.iterrows()],
        hovertemplate="%{text}<extra></extra>",
        error_x={
            "type": "data",
            "symmetric": False,
            "array": above,
            "arrayminus": below,
            "color": color,
            "thickness": 1.3,
            "width": 4,
        },
        marker={
            "color": color,
            "size": 16 if symbol == "star" else 9,
            "symbol": symbol,
            "line": {"width": 2 if "open" in symbol else 0},
        },
    )


def _hover(row: pd.Series) -> str:
    latency = numbers.milliseconds(row["latency_ms"])
    if not numbers.is_missing(row["low_ms"]):
        low, high = row["low_ms"], row["high_ms"]
        latency = f"{latency} (95 % interval {low:.4g} to {high:.4g})"
    lines = [escape(str(row["label"])), f"score {numbers.score(row['score'])}", latency]
    if not numbers.is_missing(row["predicted_ms"]):
        lines.append(f"predicted {numbers.milliseconds(row['predicted_ms'])}")
    return "<br>".join(lines)
