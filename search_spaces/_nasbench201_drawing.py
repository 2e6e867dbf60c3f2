"""The cell of NAS-Bench-201 as a graph to be drawn."""

from __future__ import annotations

from search_spaces._drawing import CellGraph, Edge
from search_spaces._nasbench201_cells import EDGES, Cell, used_edges

_NODES = ("input", "1", "2", "output")
_WORDS = {
    "none": "none",
    "skip_connect": "skip",
    "nor_conv_1x1": "1x1 conv",
    "nor_conv_3x3": "3x3 conv",
    "avg_pool_3x3": "3x3 pool",
}


def cell_graph(cell: Cell) -> CellGraph:
    """The four nodes and six edges; those that are not on a way from input to output are faint."""
    used = used_edges(cell)
    return CellGraph(
        title="cell",
        nodes=_NODES,
        edges=tuple(
            Edge(_NODES[source], _NODES[target], _WORDS[operation], (source, target) not in used)
            for (source, target), operation in zip(EDGES, cell, strict=True)
        ),
    )
