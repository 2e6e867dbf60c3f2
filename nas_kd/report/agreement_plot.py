"""``agreement.png``: how far the proxies of a run agree, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from nas_kd.report.colours import INK, MUTED
from nas_kd.report.plot_style import plain, save_picture
from nas_kd.report.proxy_figure import SCALE, agreement_table

_CELL, _LEFT, _BELOW, _ABOVE = 0.62, 1.9, 1.35, 0.95
"""Inches: of a cell, and what names and titles need."""
_DARK = 0.62
"""Absolute value of tau from which its number is white."""


def draw_agreement(candidates: pd.DataFrame, proxies: Sequence[str], path: Path) -> Path | None:
    """Draws the heat map of `agreement_table` as a PNG.

    Returns:
        ``path``; None, and no picture, where there is no such table.
    """
    table = agreement_table(candidates, proxies) if len(candidates) else None
    if table is None:
        return None
    side = _CELL * len(table)
    width, height = _LEFT + max(side, 4.2) + 0.3, _BELOW + side + _ABOVE
    figure = Figure(figsize=(width, height), dpi=160, facecolor="white")
    FigureCanvasAgg(figure)
    place = (_LEFT / width, _BELOW / height, side / width, side / height)
    axes = figure.add_axes(place)
    colors = LinearSegmentedColormap.from_list("tau", SCALE).with_extremes(bad="#f3f5f7")
    taus = table.to_numpy()
    axes.imshow(np.ma.masked_invalid(taus), cmap=colors, vmin=-1, vmax=1, aspect="auto")
    names = [plain(str(name)) for name in table.columns]
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(colors=INK, labelsize=9, length=0)
    axes.set_xticks(np.arange(0.5, len(names) - 1), minor=True)
    axes.set_yticks(np.arange(0.5, len(names) - 1), minor=True)
    axes.grid(True, which="minor", color="white", linewidth=2)
    axes.tick_params(which="minor", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for (row, column), tau in np.ndenumerate(taus):
        text, ink = ("-", INK) if np.isnan(tau) else (f"{tau:.2f}", _ink_on(tau))
        axes.text(column, row, text, ha="center", va="center", fontsize=9, color=ink)
    count = f"Kendall's tau over {table.attrs['candidates']:,} candidates"
    left = 0.3 / width
    figure.text(
        left,
        1 - 0.38 / height,
        "Agreement of the proxies",
        fontsize=13,
        fontweight="bold",
        color=INK,
    )
    figure.text(left, 1 - 0.64 / height, count, fontsize=9.5, color=MUTED)
    return save_picture(figure, path)


def _ink_on(tau: float) -> str:
    return "white" if abs(tau) > _DARK else INK
