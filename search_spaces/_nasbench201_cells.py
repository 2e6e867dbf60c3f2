"""The 15,625 cells of NAS-Bench-201 as tuples of operation names: order, notation, isomorphism."""

from __future__ import annotations

import functools
import itertools
import random
import re
from collections.abc import Iterator

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
"""In the published order, on which the benchmark's indices rest."""

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""``(source node, target node)`` in the arch string's order; node 0 is the input, 3 the output."""

Cell = tuple[str, ...]
"""One operation per edge of `EDGES`."""

_ZERO_OF_ZEROS = ("skip_connect", "avg_pool_3x3")
_SHUFFLE_SEED = 88
_NODE_PATTERN = re.compile(r"\|(?:[^|+~]+~\d+\|)+")


def enumerate_cells() -> Iterator[Cell]:
    """All cells in lexicographic order of the operations, first edge slowest."""
    return itertools.product(OPERATIONS, repeat=len(EDGES))


@functools.cache
def cells_by_index() -> tuple[Cell, ...]:
    """All cells at their published indices.

    The benchmark shuffles the enumerated cells with Python's generator at seed 88 (NATS-Bench,
    ``exps/NATS-Bench/main-tss.py``).
    """
    cells = list(enumerate_cells())
    random.Random(_SHUFFLE_SEED).shuffle(cells)
    return tuple(cells)


@functools.cache
def index_by_cell() -> dict[Cell, int]:
    """The inverse of `cells_by_index`."""
    return {cell: index for index, cell in enumerate(cells_by_index())}


def format_cell(cell: Cell) -> str:
    """The benchmark's notation, ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``."""
    nodes = []
    for node in (1, 2, 3):
        incoming = [
            f"{operation}~{source}"
            for (source, target), operation in zip(EDGES, cell, strict=True)
            if target == node
        ]
        nodes.append("|" + "|".join(incoming) + "|")
    return "+".join(nodes)


def read_cell(text: str) -> Cell | None:
    """The operations written in the benchmark's notation, or None where the form is another.

    The operations' names are taken as they are.
    """
    nodes = text.strip().split("+")
    if not all(_NODE_PATTERN.fullmatch(node) for node in nodes):
        return None
    pairs = [part.split("~") for node in nodes for part in node.strip("|").split("|")]
    cell = tuple(operation for operation, _ in pairs)
    if len(cell) != len(EDGES) or format_cell(cell) != text.strip():
        return None
    return cell


def isomorphism_key(cell: Cell) -> str:
    """Equal for cells that the benchmark calls isomorphic: 6,466 distinct keys.

    The published rule: node 0 is ``0``; along an edge ``none`` and a ``#`` source give ``#``,
    a skip gives its source, any other operation wraps its source; a node joins its sorted edges.

    The rule is a little blunter than the functions are. It knows no weights, so two edges with the
    same operation on the same input are one whether they share weights or not (430 keys hold cells
    of both kinds), and it tells a node with an extra empty edge from one without.
    """
    nodes = ["0"]
    for node in (1, 2, 3):
        edges = [
            _edge_key(nodes[source], operation)
            for (source, target), operation in zip(EDGES, cell, strict=True)
            if target == node
        ]
        nodes.append("+".join(sorted(edges)))
    return nodes[-1]


def _edge_key(source: str, operation: str) -> str:
    if operation == "none" or source == "#":
        return "#"
    if operation == "skip_connect":
        return source
    return f"({source})@{operation}"


def used_edges(cell: Cell) -> set[tuple[int, int]]:
    """The edges on all ways from the input to the output along which something passes."""
    operations = zip(EDGES, cell, strict=True)
    passing = sorted(edge for edge, operation in operations if operation != "none")
    reached, needed = {EDGES[0][0]}, {EDGES[-1][1]}
    for source, target in passing:
        if source in reached:
            reached.add(target)
    for source, target in reversed(passing):
        if target in needed:
            needed.add(source)
    return {edge for edge in passing if edge[0] in reached and edge[1] in needed}


@functools.cache
def representatives() -> dict[Cell, Cell]:
    """Each cell's representative: the cheapest isomorphic cell, of equal ones the first.

    Cheapest is fewest 3x3 convolutions, then 1x1 convolutions, poolings and skips: a representative
    never has more parameters or MACs than the cell it stands for.
    """
    best: dict[str, Cell] = {}
    keys = {cell: isomorphism_key(cell) for cell in enumerate_cells()}
    for cell in sorted(keys, key=_work):
        best.setdefault(keys[cell], cell)
    return {cell: best[key] for cell, key in keys.items()}


def _work(cell: Cell) -> tuple[int, ...]:
    costly_first = ("nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3", "skip_connect")
    return tuple(cell.count(operation) for operation in costly_first)


def without_idle_edges(cell: Cell) -> Cell:
    """The cell with ``none`` for every pool or skip from a node that is zero.

    A convolution of zeros stays: its batch normalisation adds a bias.
    """
    reached = {0}
    kept = []
    for (source, target), operation in zip(EDGES, cell, strict=True):
        idle = source not in reached and operation in _ZERO_OF_ZEROS
        kept.append("none" if idle else operation)
        if kept[-1] != "none":
            reached.add(target)
    return tuple(kept)
