"""How the pictures (PNG) of a run look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nas_kd.report.colours import BASELINE, GRID, INK, MUTED
from nas_kd.whole_files import replaced

CANDIDATE = "#a9b4c0"
LEFT = 0.085
"""Left end of the axes, and of what stands above them, as a share of the width."""


def new_picture(width: float = 9.6, height: float = 5.6) -> tuple[Figure, Axes]:
    """A figure of that many inches, with axes that leave room for title and legend."""
    figure = Figure(figsize=(width, height), dpi=160, facecolor="white")
    FigureCanvasAgg(figure)
    return figure, figure.add_axes((LEFT, 0.115, 0.885, 0.7))


def style_axes(axes: Axes, x: str, y: str) -> None:
    """Labels, a faint grid and no frame."""
    axes.set_xlabel(x, color=INK, fontsize=10.5, labelpad=6)
    axes.set_ylabel(y, color=INK, fontsize=10.5)
    axes.grid(True, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED, labelsize=9.5, length=0, pad=6)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(BASELINE)


def write_titles(figure: Figure, title: str, detail: str) -> None:
    """A title and a smaller line below it."""
    look: dict[str, Any] = {"va": "center", "color": INK}
    figure.text(LEFT, 0.95, plain(title), fontsize=14, fontweight="bold", **look)
    figure.text(LEFT, 0.905, plain(detail), fontsize=10.5, **{**look, "color": MUTED})


def draw_legend(figure: Figure, axes: Axes) -> None:
    """Everything that has a label, in one line below the titles."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(LEFT - 0.008, 0.872),
        ncols=max(1, len(labels)),
        frameon=False,
        fontsize=9,
        labelcolor=INK,
        handletextpad=0.4,
        columnspacing=1.4,
        borderaxespad=0,
        markerscale=0.8,
    )


def save_picture(figure: Figure, path: Path) -> Path:
    """Writes the PNG, whole or not at all; the same figure gives the same bytes."""
    with replaced(path) as draft:
        figure.savefig(draft, format="png", metadata={"Software": "nas_kd"})
    return path


def plain(text: str) -> str:
    """Text in which a dollar sign starts no mathematical notation."""
    return text.replace("$", r"\$")
