"""The cell of NAS-Bench-201 as a graph to be drawn."""

from __future__ import annotations

from search_spaces._drawing import CellGraph, Edge
from search_spaces._nasbench201_cells import EDGES, Cell

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
    used = _used_edges(cell)
    return CellGraph(
        title="cell",
        nodes=_NODES,
        edges=tuple(
            Edge(_NODES[source], _NODES[target], _WORDS[operation], (source, target) not in used)
            for (source, target), operation in zip(EDGES, cell, strict=True)
        ),
    )


def _used_edges(cell: Cell) -> set[tuple[int, int]]:
    operations = zip(EDGES, cell, strict=True)
    passing = sorted(edge for edge, operation in operations if operation != "none")
    reached, needed = {0}, {len(_NODES) - 1}
    for source, target in passing:
        if source in reached:
            reached.add(target)
    for source, target in reversed(passing):
        if target in needed:
            needed.add(source)
    return {edge for edge in passing if edge[0] in reached and edge[1] in needed}
