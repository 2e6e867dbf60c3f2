"""The picture of a training's metrics: one small panel for each."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nas_kd.report.colours import FRONT, INK
from nas_kd.report.plot_style import plain, save_picture, style_axes

_COLUMNS, _WIDTH, _ROW, _TITLE = 3, 10.5, 2.1, 0.7
"""Panels in a row; inches of the picture's width, of a row, and of the title."""

_NOT_SHOWN = ("unit", "seconds")


def draw_metrics(csv: Path, path: Path, *, title: str) -> Path:
    """Draws every column of ``metrics.csv`` over the units, as a PNG."""
    metrics = pd.read_csv(csv)
    shown = [name for name in metrics.columns if name not in _NOT_SHOWN]
    rows = max(1, math.ceil(len(shown) / _COLUMNS))
    height = _TITLE + _ROW * rows
    figure = Figure(figsize=(_WIDTH, height), dpi=160, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(plain(title), x=0.01, ha="left", color=INK, fontsize=14, fontweight="bold")
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).flatten()
    for axes, name in zip(panels, shown, strict=False):
        _draw_panel(axes, metrics, name)
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    return save_picture(figure, path)


def _draw_panel(axes: Axes, metrics: pd.DataFrame, name: str) -> None:
    style_axes(axes, "", "")
    axes.set_title(plain(name.replace("_", " ")), loc="left", color=INK, fontsize=9.5)
    known = metrics[["unit", name]].dropna()  # some are not measured in every unit
    marker = "o" if len(known) < 30 else ""
    axes.plot(known["unit"], known[name], color=FRONT, linewidth=1.5, marker=marker, ms=3)
