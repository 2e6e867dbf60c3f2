"""Measured latency as interactive figures: against the score, and against its prediction."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nas_kd.report import facts, numbers
from nas_kd.report.figure import CANDIDATE, FINALIST, FRONT, LIMIT, WINNER
from nas_kd.report.figure_style import lay_out
from nas_kd.report.keys import key_of


def latency_figure(measured: pd.DataFrame, document: Mapping[str, Any]) -> go.Figure | None:
    """Median latency of every measured candidate, with its 95 % interval, against its score.

    With the latency budget and the delivered student, which was measured once more. None when no
    scored candidate was measured.

    Args:
        measured: See `nas_kd.report.measurements.read_measurements`.
        document: The run's document, finished or partial.
    """
    scored = measured[np.isfinite(measured["score"])] if len(measured) else measured
    if not len(scored):
        return None
    finalists = {key_of(entry["arch"]) for entry in document.get("finalists") or []}
    is_finalist = scored["key"].isin(finalists)
    figure = go.Figure()
    for name, rows, color in (
        ("measured", scored[~is_finalist], CANDIDATE),
        ("finalists", scored[is_finalist], FINALIST),
    ):
        if len(rows):
            figure.add_trace(_dots(rows, "latency_ms", "score", f"{name} ({len(rows)})", color))
    if (delivered := _delivered(scored, document)) is not None:
        figure.add_trace(
            _dots(delivered, "latency_ms", "score", "delivered student", WINNER, symbol="star")
        )
    limit = (document.get("budget") or {}).get("latency_ms")
    if limit is not None:
        figure.add_vline(
            x=limit,
            line={"color": LIMIT, "dash": "dash", "width": 1.5},
            annotation={
                "text": f"budget {numbers.milliseconds(limit)}",
                "font": {"color": LIMIT},
            },
        )
    lay_out(
        figure,
        x="measured median latency (ms), with its 95 % interval",
        y="Score (proxies fused, larger is better)",
    )
    return figure


def prediction_figure(measured: pd.DataFrame) -> go.Figure | None:
    """Predicted against measured latency of the measured candidates; on the line they are equal.

    Candidates that the predictor has seen measured before are hollow. None when there are no
    predictions.
    """
    both = measured[measured["predicted_ms"].notna()] if len(measured) else measured
    if not len(both):
        return None
    figure = go.Figure()
    columns = ["latency_ms", "predicted_ms", "low_ms", "high_ms"]
    low, high = float(both[columns].min().min()), float(both[columns].max().max())
    figure.add_trace(
        go.Scatter(
            x=[low, high],
            y=[low, high],
            mode="lines",
            name="equal",
            hoverinfo="skip",
            line={"color": CANDIDATE, "dash": "dot", "width": 1.5},
        )
    )
    seen = both["in_fit"].astype(bool)
    for name, rows, symbol in (
        ("measured after the prediction", both[~seen], "circle"),
        ("known to the predictor", both[seen], "circle-open"),
    ):
        if len(rows):
            name = f"{name} ({len(rows)})"
            figure.add_trace(_dots(rows, "latency_ms", "predicted_ms", name, FRONT, symbol=symbol))
    lay_out(
        figure,
        x="measured median latency (ms), with its 95 % interval",
        y="predicted latency (ms)",
    )
    return figure


def _delivered(scored: pd.DataFrame, document: Mapping[str, Any]) -> pd.DataFrame | None:
    """The student's row with the latency of the delivered file."""
    student = document.get("student") or {}
    latency = facts.latency_of(student)
    rows = scored[scored["key"] == key_of(student["arch"])] if student.get("arch") else scored[:0]
    if not len(rows) or numbers.is_missing(latency.get("median")):
        return None
    low, high = latency.get("ci95") or (float("nan"), float("nan"))
    return rows.assign(latency_ms=latency["median"], low_ms=low, high_ms=high)


def _dots(
    rows: pd.DataFrame, x: str, y: str, name: str, color: str, symbol: str = "circle"
) -> go.Scatter:
    after = (rows["high_ms"] - rows[x]).clip(lower=0).fillna(0.0)
    before = (rows[x] - rows["low_ms"]).clip(lower=0).fillna(0.0)
    return go.Scatter(
        x=rows[x].tolist(),
        y=rows[y].tolist(),
        mode="markers",
        name=name,
        text=[_hover(row) for _, row in rows.iterrows()],
        hovertemplate="%{text}<extra></extra>",
        error_x={
            "type": "data",
            "symmetric": False,
            "array": after.tolist(),
            "arrayminus": before.tolist(),
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
