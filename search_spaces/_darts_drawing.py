"""The cells of DARTS as graphs to be drawn."""

from __future__ import annotations

from search_spaces._darts_cells import NODES, Cell
from search_spaces._drawing import CellGraph, Edge

_NAMES = ("cell before last", "last cell", *(str(node) for node in NODES))
_WORDS = {
    "max_pool_3x3": "3x3 max pool",
    "avg_pool_3x3": "3x3 avg pool",
    "skip_connect": "skip",
    "sep_conv_3x3": "3x3 sep conv",
    "sep_conv_5x5": "5x5 sep conv",
    "dil_conv_3x3": "3x3 dil conv",
    "dil_conv_5x5": "5x5 dil conv",
}


def cell_graph(title: str, cell: Cell) -> CellGraph:
    """The two inputs and four nodes; the output, all four nodes side by side, is left out."""
    return CellGraph(
        title=title,
        nodes=_NAMES,
        edges=tuple(
            Edge(_NAMES[source], str(node), _WORDS[operation])
            for node, edges in zip(NODES, cell, strict=True)
            for operation, source in edges
        ),
    )
