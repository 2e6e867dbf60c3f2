"""The picture of ``nas-kd rank``: the interval of tau of every score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nas_kd.report import numbers
from nas_kd.report.colours import BASELINE, FINALIST, FRONT, GRID, INK, MUTED
from nas_kd.report.plot_style import plain, save_picture

_COLORS = {"proxy": FRONT, "structure": FINALIST, "column": MUTED}
_LABELS = {"proxy": "proxies", "structure": "sizes, for free", "column": "columns of the table"}

_WIDTH, _LINE, _AROUND = 9.0, 0.27, 1.75
"""Inches: of the picture, of one score, of title and axis."""


def draw_ranking(document: Mapping[str, Any], path: Path) -> Path:
    """Draws the tau of every score with its 95 % interval, the highest on top, as a PNG.

    A dashed line marks the best of the sizes, which a proxy has to beat. Scores without a tau are
    left out.

    Args:
        document: The document of ``nas-kd rank --json``.
        path: Where the PNG goes.
    """
    rows = [row for row in document["rows"] if not numbers.is_missing(row["tau"])]
    height = _AROUND + _LINE * max(1, len(rows))
    figure = Figure(figsize=(_WIDTH, height), dpi=160, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.27, 0.62 / height, 0.69, 1 - _AROUND / height))
    _style(axes, rows)
    for place, row in enumerate(rows):
        _draw_row(axes, place, row)
    _draw_best_size(axes, rows)
    _write_titles(figure, height, document)
    _draw_legend(figure, height, rows)
    return save_picture(figure, path)


def _style(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    axes.set_ylim(max(1, len(rows)) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [plain(row["proxy"]) for row in rows])
    axes.set_xlabel("Kendall's tau-b with its 95 % interval", color=INK, fontsize=10)
    axes.grid(True, axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED, labelsize=9, length=0, pad=6)
    axes.tick_params(axis="y", labelcolor=INK)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(BASELINE)


def _draw_row(axes: Axes, place: int, row: Mapping[str, Any]) -> None:
    color = _COLORS[row["kind"]]
    low, high = row["tau_ci"]
    if not (numbers.is_missing(low) or numbers.is_missing(high)):
        axes.plot([low, high], [place, place], color=color, linewidth=2.2, alpha=0.45)
    axes.plot([row["tau"]], [place], color=color, marker="o", markersize=5.5)


def _draw_best_size(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    taus = [row["tau"] for row in rows if row["kind"] == "structure"]
    if taus:
        line = (0, (5, 3))
        axes.axvline(max(taus), color=_COLORS["structure"], linewidth=1.1, linestyle=line, zorder=1)


def _write_titles(figure: Figure, height: float, document: Mapping[str, Any]) -> None:
    sample = document["sample"]
    title = f"How well {document['target']} is ranked without training"
    figure.text(0.03, 1 - 0.3 / height, plain(title), fontsize=13, fontweight="bold", color=INK)
    detail = (
        f"{sample['rows']:,} {document['space']['name']} networks of "
        f"{Path(document['table']).name}, {sample['images']} images of {sample['data']}"
    )
    figure.text(0.03, 1 - 0.55 / height, plain(detail), fontsize=9.5, color=MUTED)


def _draw_legend(figure: Figure, height: float, rows: Sequence[Mapping[str, Any]]) -> None:
    shown = [kind for kind in _COLORS if any(row["kind"] == kind for row in rows)]
    axes = figure.axes[0]
    figure.legend(
        [axes.plot([], [], color=_COLORS[kind], marker="o", linewidth=2.2)[0] for kind in shown],
        [_LABELS[kind] for kind in shown],
        loc="upper left",
        bbox_to_anchor=(0.022, 1 - 0.62 / height),
        ncols=len(_COLORS),
        frameon=False,
        fontsize=9,
        labelcolor=INK,
    )
