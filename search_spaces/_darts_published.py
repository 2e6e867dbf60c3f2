"""Published genotypes of the DARTS space by the names that they go by."""

from __future__ import annotations

from search_spaces._darts_cells import Cell, Edge, Genotype

_SHORT = {
    "max": "max_pool_3x3",
    "avg": "avg_pool_3x3",
    "skip": "skip_connect",
    "sep3": "sep_conv_3x3",
    "sep5": "sep_conv_5x5",
    "dil3": "dil_conv_3x3",
    "dil5": "dil_conv_5x5",
}


def _edge(text: str) -> Edge:
    operation, source = text.split("~")
    return _SHORT[operation], int(source)


def _cell(*nodes: str) -> Cell:
    edges = ([_edge(text) for text in node.split()] for node in nodes)
    return tuple((first, second) for first, second in edges)


PUBLISHED: dict[str, Genotype] = {
    "DARTS_V1": Genotype(
        _cell("sep3~0 sep3~1", "skip~0 sep3~1", "skip~0 sep3~1", "sep3~0 skip~2"),
        _cell("max~0 max~1", "max~0 skip~2", "max~0 skip~2", "avg~0 skip~2"),
    ),
    "DARTS_V2": Genotype(
        _cell("sep3~0 sep3~1", "sep3~0 sep3~1", "skip~0 sep3~1", "skip~0 dil3~2"),
        _cell("max~0 max~1", "max~1 skip~2", "max~0 skip~2", "max~1 skip~2"),
    ),
    "PC_DARTS": Genotype(
        _cell("skip~0 sep3~1", "sep3~0 dil3~1", "sep5~0 sep3~1", "avg~0 dil3~1"),
        _cell("max~0 sep5~1", "sep5~1 sep5~2", "sep3~0 sep3~3", "sep3~1 sep3~2"),
    ),
    "PDARTS": Genotype(
        _cell("skip~0 dil3~1", "skip~0 sep3~1", "sep3~1 sep3~3", "sep3~0 dil5~4"),
        _cell("avg~0 sep5~1", "sep3~0 dil5~2", "max~0 dil3~1", "dil3~1 dil5~3"),
    ),
    "SDARTS_RS": Genotype(
        _cell("sep3~0 sep3~1", "skip~0 sep5~1", "skip~1 sep3~3", "sep3~1 dil3~2"),
        _cell("max~0 sep3~1", "max~0 skip~2", "max~0 dil5~3", "sep3~2 sep5~3"),
    ),
    "SDARTS_ADV": Genotype(
        _cell("sep3~0 sep3~1", "skip~0 sep3~1", "sep5~0 dil3~3", "skip~0 dil3~4"),
        _cell("max~0 sep5~1", "max~0 skip~2", "skip~2 skip~3", "skip~2 sep5~4"),
    ),
}
"""Name to genotype, each node's edges by the node that they read."""
