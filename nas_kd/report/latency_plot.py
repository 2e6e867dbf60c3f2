"""``latency.png`` and ``prediction.png``: the figures of measured latency as pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from nas_kd.report import facts, numbers
from nas_kd.report.colours import FINALIST, FRONT, LIMIT, WINNER
from nas_kd.report.front_axes import SCORE_LABEL
from nas_kd.report.latency_points import (
    MEASURED_LABEL,
    interval_sides,
    sort_latencies,
    sort_predictions,
)
from nas_kd.report.plot_style import (
    CANDIDATE,
    draw_legend,
    new_picture,
    save_picture,
    style_axes,
    write_titles,
)


def draw_latency(measured: pd.DataFrame, document: Mapping[str, Any], path: Path) -> Path | None:
    """Draws measured latency, with its 95 % intervals and the budget, against the score, as a PNG.

    Args:
        measured: See `nas_kd.report.measurements.read_measurements`.
        document: The run's document, finished or partial.
        path: Where the PNG goes.

    Returns:
        ``path``; None, and no picture, when no scored candidate was measured.
    """
    points = sort_latencies(measured, document)
    if points is None:
        return None
    figure, axes = new_picture()
    style_axes(axes, MEASURED_LABEL, SCORE_LABEL)
    _draw_dots(axes, points.others, "score", "measured", CANDIDATE)
    _draw_dots(axes, points.finalists, "score", "finalists", FINALIST)
    _draw_dots(axes, points.delivered, "score", "delivered student", WINNER, marker="*", size=15)
    if points.limit_ms is not None:
        axes.axvline(
            points.limit_ms,
            color=LIMIT,
            linewidth=1.3,
            linestyle=(0, (5, 3)),
            label=f"budget {numbers.milliseconds(points.limit_ms)}",
        )
    write_titles(figure, "Measured latency against score", _device(document))
    draw_legend(figure, axes)
    return save_picture(figure, path)


def draw_prediction(measured: pd.DataFrame, document: Mapping[str, Any], path: Path) -> Path | None:
    """Draws predicted against measured latency as a PNG; on the dotted line they are equal.

    Returns:
        ``path``; None, and no picture, when there are no predictions.
    """
    points = sort_predictions(measured)
    if points is None:
        return None
    figure, axes = new_picture()
    style_axes(axes, MEASURED_LABEL, "predicted latency (ms)")
    ends = [points.low_ms, points.high_ms]
    axes.plot(ends, ends, color=CANDIDATE, linestyle=":", linewidth=1.5, label="equal")
    _draw_dots(axes, points.fresh, "predicted_ms", "measured after the prediction", FRONT)
    _draw_dots(
        axes, points.seen, "predicted_ms", "known to the predictor", FRONT, markerfacecolor="white"
    )
    write_titles(figure, "Predicted against measured latency", _error(document))
    draw_legend(figure, axes)
    return save_picture(figure, path)


def _draw_dots(
    axes: Axes,
    rows: pd.DataFrame,
    y: str,
    name: str,
    color: str,
    *,
    marker: str = "o",
    size: float = 6.0,
    **look: Any,
) -> None:
    if not len(rows):
        return
    label = name if marker == "*" else f"{name} ({len(rows)})"
    axes.errorbar(
        rows["latency_ms"],
        rows[y],
        xerr=interval_sides(rows),
        fmt=marker,
        markersize=size,
        color=color,
        elinewidth=1.2,
        capsize=2.5,
        label=label,
        **look,
    )


def _device(document: Mapping[str, Any]) -> str:
    record = facts.latency_of(document.get("student") or {})
    budget = document.get("budget") or {}
    threads = record.get("threads", budget.get("threads", 1))
    batch = record.get("batch", budget.get("batch", 1))
    device = record.get("device") or budget.get("device", "")
    plural = "" if threads == 1 else "s"
    return f"{device}, {threads} thread{plural}, batch of {batch}"


def _error(document: Mapping[str, Any]) -> str:
    error = document.get("latency_prediction")
    if not error:
        return _device(document)
    return (
        f"off by {numbers.percent(error['mape'], 1)} on average on {error['held_out']} students "
        f"that were not fitted; {_device(document)}"
    )
