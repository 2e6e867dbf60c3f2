"""``front.png``: score against cost, with everything that the search looked at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from nas_kd.report import numbers
from nas_kd.report.colours import FINALIST, FRONT, LIMIT, MUTED, WINNER
from nas_kd.report.front_points import FrontPoints, sort_points
from nas_kd.report.plot_style import (
    CANDIDATE,
    draw_legend,
    new_picture,
    plain,
    save_picture,
    style_axes,
    write_titles,
)

_BEYOND_BUDGET = 1.5
"""How far the axis goes beyond the budget; a few huge candidates must not squeeze the rest."""
_LOGARITHMIC_FROM = 40.0
"""Ratio of the largest to the smallest cost from which the axis is logarithmic."""


def draw_front(candidates: pd.DataFrame, document: Mapping[str, Any], path: Path) -> Path:
    """Draws the picture of a run as a PNG.

    Shows all scored candidates (grey), those over the budget (hollow; unscored ones in a strip
    below), the front, the finalists (rings), the delivered student (star) and the budget.

    Args:
        candidates: The run's candidates, one row a trial (`RunDirectory.read_candidates`).
        document: The run's document, finished or partial.
        path: Where the PNG goes.
    """
    points = sort_points(candidates, document)
    divisor, unit = numbers.scale_of(_shown_up_to(points))
    figure, axes = new_picture()
    shown = points.axes
    style_axes(axes, f"{shown.cost_label}{unit}", plain(shown.score_label))
    _scale_x(axes, points, divisor)
    _draw_candidates(axes, points, divisor)
    _draw_front_line(axes, points, divisor)
    _scale_y(axes, points)
    _draw_unscored(axes, points, divisor)
    _draw_budget(axes, points, divisor)
    _draw_teacher(axes, points, divisor)
    _draw_winner(axes, points, divisor, document)
    _write_titles(figure, document)
    draw_legend(figure, axes)
    return save_picture(figure, path)


def _scale_x(axes: Axes, points: FrontPoints, divisor: float) -> None:
    smallest, largest = points.smallest / divisor, _shown_up_to(points) / divisor
    if smallest > 0 and largest / smallest >= _LOGARITHMIC_FROM:
        axes.set_xscale("log")
        axes.set_xlim(smallest / 1.2, largest * 1.2)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    else:
        margin = 0.04 * (largest - smallest) or 0.1 * largest or 1.0
        axes.set_xlim(max(0.0, smallest - margin), largest + margin)
        axes.xaxis.set_major_locator(MaxNLocator(8))


def _shown_up_to(points: FrontPoints) -> float:
    """The largest cost that the picture shows: the budget, too, where it is not far off."""
    if points.budget is None:
        return points.largest
    scored = pd.concat([points.scored["x"], points.over_scored["x"]])
    within = max(_BEYOND_BUDGET * points.budget, *scored, 0.0)
    shown = min(points.largest, within)
    near = points.budget <= _BEYOND_BUDGET * shown
    return float(max(shown, points.budget) if near else shown)


def _scale_y(axes: Axes, points: FrontPoints) -> None:
    scores = pd.concat([points.scored["y"], points.over_scored["y"]])
    low, high = (scores.min(), scores.max()) if len(scores) else (0.0, 1.0)
    span = (high - low) or 1.0
    room_below = 0.14 if len(points.over_unscored) else 0.05
    axes.set_ylim(low - room_below * span, high + 0.2 * span)


def _draw_candidates(axes: Axes, points: FrontPoints, divisor: float) -> None:
    inside, outside = points.scored, points.over_scored
    axes.scatter(
        inside["x"] / divisor,
        inside["y"],
        s=22,
        color=CANDIDATE,
        alpha=0.75,
        linewidths=0,
        label=f"candidates ({len(inside)})",
    )
    if len(outside):
        label = None if len(points.over_unscored) else f"over the budget ({len(outside)})"
        axes.scatter(outside["x"] / divisor, outside["y"], label=label, **_hollow())


def _draw_unscored(axes: Axes, points: FrontPoints, divisor: float) -> None:
    """Candidates over the counted budget have no score: they lie in a strip at the bottom."""
    over = points.over_unscored
    if not len(over):
        return
    bottom, top = axes.get_ylim()
    height = bottom + 0.045 * (top - bottom)
    label = f"over the budget ({len(over) + len(points.over_scored)})"
    axes.axhspan(bottom, bottom + 0.09 * (top - bottom), color="#f6f7f9", zorder=0, linewidth=0)
    axes.scatter(over["x"] / divisor, [height] * len(over), label=label, **_hollow())
    axes.annotate(
        "not scored",
        (0.006, 0.045),
        xycoords="axes fraction",
        fontsize=8.5,
        color=MUTED,
        va="center",
    )
    beyond = int((over["x"] > _shown_up_to(points)).sum())
    if beyond:
        axes.annotate(
            f"{beyond} more this way \N{RIGHTWARDS ARROW}",
            (0.994, 0.045),
            xycoords="axes fraction",
            fontsize=8.5,
            color=MUTED,
            va="center",
            ha="right",
        )


def _hollow() -> dict[str, Any]:
    return {"s": 20, "facecolors": "none", "edgecolors": CANDIDATE, "linewidths": 0.9}


def _draw_front_line(axes: Axes, points: FrontPoints, divisor: float) -> None:
    front, finalists = points.front, points.finalists
    axes.plot(
        front["x"] / divisor,
        front["y"],
        color=FRONT,
        drawstyle="steps-post",
        linestyle="-" if points.axes.joined else "none",
        linewidth=1.8,
        marker="o",
        markersize=5.5,
        markeredgecolor="white",
        markeredgewidth=0.8,
        label=f"front ({len(front)})",
        zorder=4,
    )
    if len(finalists):
        axes.scatter(
            finalists["x"] / divisor,
            finalists["y"],
            s=120,
            facecolors="none",
            edgecolors=FINALIST,
            linewidths=1.8,
            label=f"finalists ({len(finalists)})",
            zorder=5,
        )


def _draw_budget(axes: Axes, points: FrontPoints, divisor: float) -> None:
    if points.budget is None:
        return
    limit = points.budget / divisor
    _, right = axes.get_xlim()
    if limit > right:
        return
    axes.axvline(limit, color=LIMIT, linewidth=1.3, linestyle=(0, (5, 3)), zorder=3)
    axes.axvspan(limit, right, color=LIMIT, alpha=0.045, zorder=0, linewidth=0)
    _mark_on_top(axes, limit, -5, f"budget {points.axes.spell(points.budget)}", LIMIT)


def _draw_teacher(axes: Axes, points: FrontPoints, divisor: float) -> None:
    if points.teacher is None:
        return
    position = points.teacher / divisor
    left, right = axes.get_xlim()
    if left <= position <= right:
        axes.axvline(position, color=MUTED, linewidth=1.1, linestyle=(0, (1, 2)), zorder=3)
        _mark_on_top(axes, position, -20, f"teacher {points.axes.spell(points.teacher)}", MUTED)


def _mark_on_top(axes: Axes, x: float, y_offset: float, text: str, color: str) -> None:
    share = axes.transAxes.inverted().transform(axes.transData.transform((x, 0.0)))[0]
    side, gap = ("left", 5) if share < 0.75 else ("right", -5)
    axes.annotate(
        text,
        (x, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(gap, y_offset),
        textcoords="offset points",
        ha=side,
        va="top",
        fontsize=9,
        color=color,
    )


def _draw_winner(
    axes: Axes, points: FrontPoints, divisor: float, document: Mapping[str, Any]
) -> None:
    if not len(points.winner):
        return
    x, y = points.winner["x"].iloc[0] / divisor, points.winner["y"].iloc[0]
    axes.scatter(
        [x],
        [y],
        s=330,
        marker="*",
        color=WINNER,
        edgecolors="white",
        linewidths=1.1,
        label="delivered student",
        zorder=6,
    )
    student = document["student"]
    label = axes.annotate(
        f"{numbers.percent(student.get('accuracy'), 1)} accuracy, "
        f"{numbers.count(student.get('macs'))} MACs, "
        f"{numbers.milliseconds((student.get('latency_ms') or {}).get('median'))}",
        (x, _height_of_marks(axes, points.finalists, divisor, x, y)),
        xytext=(8, 15),
        textcoords="offset points",
        ha="right",  # the front is lower there
        va="bottom",
        fontsize=9.5,
        color=WINNER,
        bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.85, "linewidth": 0},
        zorder=7,
    )
    if label.get_window_extent().x0 < axes.get_window_extent().x0:
        label.set(ha="left", position=(-8, 15))


def _height_of_marks(
    axes: Axes, finalists: pd.DataFrame, divisor: float, x: float, y: float
) -> float:
    """Height of the star at ``(x, y)`` or of the highest ring close to it: labels stand above."""
    left, right = axes.get_xlim()
    close = (finalists["x"] / divisor - x).abs() < 0.2 * (right - left)
    return float(max([y, *finalists.loc[close, "y"]]))


def _write_titles(figure: Figure, document: Mapping[str, Any]) -> None:
    student, teacher = document.get("student") or {}, document.get("teacher") or {}
    space = (document.get("space") or {}).get("name", "")
    parts = [f"teacher {teacher.get('name', '')} {numbers.percent(teacher.get('accuracy'), 1)}"]
    if not math.isnan(float(student.get("macs") or math.nan)):
        parts.append(
            f"student {numbers.percent(student.get('accuracy'), 1)} with "
            f"{numbers.ratio(student.get('macs'), teacher.get('macs'))} of its MACs"
        )
    title = f"{document.get('unique', 0)} different students of {space}"
    write_titles(figure, title, ", ".join(parts))
