"""A picture of an architecture: its blocks in rows, and below them the cells that they repeat."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from nas_kd.report.colours import INK, MUTED
from nas_kd.report.plot_style import plain
from nas_kd.whole_files import replaced

if TYPE_CHECKING:  # a picture needs no torch
    from search_spaces import Block, CellGraph, Drawing, Edge

_WIDTH, _MARGIN = 9.6, 0.3
"""Inches, in which everything here is placed; the height follows from what is drawn."""
_CAPTION_LINE, _CAPTION_LETTERS = 0.19, 112
_PER_ROW, _WIDEST_SLOT, _GAP, _ROW_GAP = 8, 1.5, 0.3, 0.45
_TITLE_LINE, _DETAIL_LINE, _PADDING = 0.2, 0.17, 0.2
_WIDEST_STEP, _NODE, _BEND = 2.3, 0.27, 0.42
_CELL_GAP = 0.5
_COMMENT = re.compile(r"<!--.*?-->\s*", re.DOTALL)
"""matplotlib repeats every text in one."""
_LETTER = 0.62
"""Width of a letter as a share of its size."""

_CHOSEN: dict[str, Any] = {"facecolor": "#e8f1f9", "edgecolor": "#0b6fb8"}
_FIXED: dict[str, Any] = {"facecolor": "#f3f5f7", "edgecolor": "#b4bec8"}
_NOTHING: dict[str, Any] = {"facecolor": "white", "edgecolor": "#b4bec8", "linestyle": (0, (3, 2))}
_FAINT = "#a3adb8"
_OPERATIONS = ("#0b6fb8", "#c2185b", "#c66900", "#2e7d32", "#6a3d9a", "#6d4c41")


def draw_architecture(drawing: Drawing, path: Path) -> Path:
    """Draws an architecture as a PNG.

    Blocks that every student of the space has are grey, others blue; what does nothing is faint.
    The archs of a space that has no drawing to offer are written in words.
    """
    with replaced(path) as draft:
        draft.write_bytes(architecture_png(drawing))
    return path


def architecture_png(drawing: Drawing) -> bytes:
    """The same picture as the bytes of a PNG."""
    picture = io.BytesIO()
    _figure(drawing).savefig(picture, format="png", metadata={"Software": "nas_kd"})
    return picture.getvalue()


def architecture_svg(drawing: Drawing) -> str:
    """The same picture as an SVG element to be put into a page; its letters are outlines."""
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "nas_kd", "svg.fonttype": "path"}):
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        _figure(drawing).savefig(text, format="svg", metadata=nothing)
    element = text.getvalue()[text.getvalue().index("<svg") :]
    return _COMMENT.sub("", element)


def _figure(drawing: Drawing) -> Figure:
    caption = textwrap.wrap(drawing.caption, _CAPTION_LETTERS)
    rows = _rows(drawing.blocks)
    height = 2 * _MARGIN + _CAPTION_LINE * len(caption)
    height += sum(_ROW_GAP + _row_height(row) for row in rows)
    height += sum(_CELL_GAP + _cell_height(cell) for cell in drawing.cells)
    figure = Figure(figsize=(_WIDTH, height), dpi=160, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, _WIDTH), ylim=(0, height))
    top = height - _MARGIN
    for line in caption:
        _write(axes, _MARGIN, top, line, 8.5, ha="left", color=MUTED, family="monospace")
        top -= _CAPTION_LINE
    for row in rows:
        top -= _ROW_GAP
        _draw_row(axes, row, top, slot=_slot(rows), goes_on=row is not rows[-1])
        top -= _row_height(row)
    for cell in drawing.cells:
        top -= _CELL_GAP
        _draw_cell(axes, cell, top)
        top -= _cell_height(cell)
    return figure


def _rows(blocks: Sequence[Block]) -> list[Sequence[Block]]:
    """The blocks in rows of about equal length."""
    if not blocks:
        return []
    number = -(-len(blocks) // _PER_ROW)
    length = -(-len(blocks) // number)
    return [blocks[start : start + length] for start in range(0, len(blocks), length)]


def _slot(rows: Sequence[Sequence[Block]]) -> float:
    """Width of a block and of the gap behind it."""
    return min(_WIDEST_SLOT, (_WIDTH - 2 * _MARGIN + _GAP) / max(map(len, rows)))


def _row_height(row: Sequence[Block]) -> float:
    return _PADDING + _TITLE_LINE + _DETAIL_LINE * max(len(block.details) for block in row)


def _draw_row(axes: Axes, row: Sequence[Block], top: float, *, slot: float, goes_on: bool) -> None:
    width, height = slot - _GAP, _row_height(row)
    for number, block in enumerate(row):
        left = _MARGIN + number * slot
        _draw_block(axes, block, left, top, width, height)
        if goes_on or number < len(row) - 1:
            start = (left + width + 0.05, top - height / 2)
            _draw_arrow(axes, start, (left + slot - 0.03, start[1]), color=MUTED)


def _draw_block(
    axes: Axes, block: Block, left: float, top: float, width: float, height: float
) -> None:
    look = _NOTHING if block.faint else _FIXED if block.fixed else _CHOSEN
    for behind in reversed(range(min(3, block.repeats))):
        corner = (left + 0.045 * behind, top - height + 0.045 * behind)
        style = "round,pad=0,rounding_size=0.07"
        axes.add_patch(FancyBboxPatch(corner, width, height, boxstyle=style, linewidth=1, **look))
    ink = _FAINT if block.faint else INK
    middle, line = left + width / 2, top - height / 2 + _DETAIL_LINE * len(block.details) / 2
    size = _fitting(block.title, width, 9)
    _write(axes, middle, line, block.title, size, color=ink, fontweight="bold")
    for detail in block.details:
        line -= _DETAIL_LINE
        size = _fitting(detail, width, 8)
        _write(axes, middle, line, detail, size, color=_FAINT if block.faint else MUTED)
    if block.repeats > 1:
        times = f"\N{MULTIPLICATION SIGN} {block.repeats}"
        _write(axes, left + width, top + 0.21, times, 9.5, ha="right", color=INK, fontweight="bold")


def _cell_height(cell: CellGraph) -> float:
    return 2 * _NODE + sum(_room(cell, upward=upward) for upward in (True, False))


def _room(cell: CellGraph, *, upward: bool) -> float:
    """How far the bent edges and their labels reach above or below the row of nodes."""
    spans = [_span(cell, edge) for edge in cell.edges if _is_upward(cell, edge) is upward]
    return max([0.15, *(0.5 * _BEND * span * _step(cell) + 0.1 for span in spans if span > 1)])


def _step(cell: CellGraph) -> float:
    """From one node to the next."""
    return min(_WIDEST_STEP, (_WIDTH - 2 * _MARGIN - 2 * _NODE) / max(1, len(cell.nodes) - 1))


def _span(cell: CellGraph, edge: Edge) -> int:
    return cell.nodes.index(edge.target) - cell.nodes.index(edge.source)


def _is_upward(cell: CellGraph, edge: Edge) -> bool:
    """Edges from every other node bend downwards, so that they cross less."""
    return cell.nodes.index(edge.source) % 2 == 0


def _draw_cell(axes: Axes, cell: CellGraph, top: float) -> None:
    step, height = _step(cell), top - _room(cell, upward=True) - _NODE
    left = (_WIDTH - step * (len(cell.nodes) - 1)) / 2
    place = {node: left + step * number for number, node in enumerate(cell.nodes)}
    _write(axes, _MARGIN, top, cell.title, 9, ha="left", color=INK, fontweight="bold")
    names = dict.fromkeys(edge.label for edge in cell.edges if not edge.faint)
    color = {n: _OPERATIONS[i % len(_OPERATIONS)] for i, n in enumerate(sorted(names))}
    for edge in sorted(cell.edges, key=lambda edge: not edge.faint):
        bend = 0.0 if _span(cell, edge) == 1 else _BEND
        _draw_edge(
            axes,
            edge,
            ((place[edge.source], height), (place[edge.target], height)),
            bend=bend if _is_upward(cell, edge) else -bend,
            color=_FAINT if edge.faint else color[edge.label],
        )
    for node, x in place.items():
        axes.add_patch(Circle((x, height), _NODE, linewidth=1.2, zorder=3, **_FIXED))
        _write(axes, x, height, node, _fitting(node, 2 * _NODE, 9), color=INK, zorder=4)


def _draw_edge(
    axes: Axes, edge: Edge, ends: tuple[tuple[float, float], ...], *, bend: float, color: str
) -> None:
    (start, height), (end, _) = ends
    _draw_arrow(
        axes,
        (start, height),
        (end, height),
        color=color,
        connectionstyle=f"arc3,rad={-bend}",
        shrinkA=72 * _NODE + 2,
        shrinkB=72 * _NODE + 2,
        linewidth=0.9 if edge.faint else 1.6,
        linestyle=(0, (3, 2)) if edge.faint else "solid",
    )
    room = max(0.2, end - start - 2 * _NODE)
    _write(
        axes,
        (start + end) / 2,
        height + 0.5 * bend * (end - start),
        edge.label,
        _fitting(edge.label, room, 8.5),
        color=color,
        zorder=5,
        bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "linewidth": 0},
    )


def _draw_arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], **look: Any
) -> None:
    look = {"linewidth": 1.1, "shrinkA": 0, "shrinkB": 0} | look
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=8, **look))


def _fitting(text: str, width: float, largest: float) -> float:
    """The size in points, at most ``largest``, at which the text is not wider than ``width``."""
    return min(largest, 72 * width / (_LETTER * max(1, len(text))))


def _write(axes: Axes, x: float, y: float, text: str, size: float, **look: Any) -> None:
    look = {"ha": "center", "va": "center"} | look
    axes.text(x, y, plain(text), fontsize=size, **look)
