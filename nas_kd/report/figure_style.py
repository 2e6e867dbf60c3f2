"""How the interactive figures of a run look."""

from __future__ import annotations

import plotly.graph_objects as go

from nas_kd.report.colours import LIMIT

TEMPLATE = "plotly_white"
FONT = {"family": "system-ui, sans-serif", "size": 13}


def lay_out(
    figure: go.Figure, *, x: str, y: str, height: int = 420, legend_y: float = 1.11
) -> None:
    """Gives a figure of two axes its look.

    Args:
        figure: Changed in place.
        x: Title of the horizontal axis.
        y: Title of the vertical axis.
        height: In pixels.
        legend_y: Upper end of the legend above the axes, as a share of their height.
    """
    figure.update_layout(
        template=TEMPLATE,
        height=height,
        margin={"l": 60, "r": 20, "t": 40, "b": 60},
        legend={"orientation": "h", "y": legend_y, "x": 0},
        font=FONT,
        xaxis={"title": {"text": x}},
        yaxis={"title": {"text": y}},
        hoverlabel={"align": "left"},
    )


def mark_limit(figure: go.Figure, limit: float, words: str) -> None:
    """Draws a budget as a dashed line, at ``limit`` on the horizontal axis, with ``words``."""
    figure.add_vline(
        x=limit,
        line={"color": LIMIT, "dash": "dash", "width": 1.5},
        annotation={"text": words, "font": {"color": LIMIT}},
    )
