"""The cells of DARTS as tuples: order, notation, isomorphism, and where they stand in a network."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

OPERATIONS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
"""What an edge of a found cell can hold, in the published order (without ``none``)."""

NODES = (2, 3, 4, 5)
"""The intermediate nodes; 0 and 1 are the outputs of the cell before last and of the last cell."""

Edge = tuple[str, int]
"""An operation and the node that it reads."""

Node = tuple[Edge, Edge]
"""The two edges that a node adds up, the one from the earlier node first."""

Cell = tuple[Node, ...]
"""The nodes of `NODES`, in their order."""


class Genotype(NamedTuple):
    """The two cells of a network."""

    normal: Cell
    reduce: Cell


@dataclass(frozen=True)
class Place:
    """Where a cell stands in a network.

    Attributes:
        older: Channels of the output of the cell before last.
        newer: Channels of the output of the last cell.
        channels: Channels of each of its nodes; its output has four times as many.
        reduces: Whether it halves the map.
        after_reduction: Whether the last cell did, or the end of the stem, so that the older output
            is twice as high and wide.
    """

    older: int
    newer: int
    channels: int
    reduces: bool
    after_reduction: bool

    @property
    def out_channels(self) -> int:
        return len(NODES) * self.channels

    def stride(self, source: int) -> int:
        """The stride of an edge that reads the node ``source``."""
        return 2 if self.reduces and source < NODES[0] else 1


def stem_channels(channels: int, stride: int) -> list[int]:
    """Channels behind each convolution of the stem.

    Args:
        channels: Of the first cell's nodes.
        stride: By how much the stem shrinks the images. Published are those for 1 (CIFAR) and 8
            (ImageNet); 4 has the first two convolutions of the latter, and 2 a single one.
    """
    if stride == 1:
        return [3 * channels]
    if stride == 2:
        return [channels]
    return [max(1, channels // 2), *[channels] * (stride.bit_length() - 2)]


def has_two_stems(stride: int) -> bool:
    """Whether the first cell reads two maps of the stem, before and behind its last convolution.

    As published for ImageNet; else it reads the last one twice, as published for CIFAR.
    """
    return stride == 8


def places(channels: int, cells: int, stem_stride: int = 1) -> list[Place]:
    """The cells of a network; those at a third and two thirds of the depth reduce."""
    made: list[Place] = []
    older = newer = stem_channels(channels, stem_stride)[-1]
    for number in range(cells):
        reduces = number in (cells // 3, 2 * cells // 3)
        channels = 2 * channels if reduces else channels
        after_reduction = made[-1].reduces if made else has_two_stems(stem_stride)
        made.append(Place(older, newer, channels, reduces, after_reduction))
        older, newer = newer, made[-1].out_channels
    return made


def cells_of(genotype: Genotype, plan: Iterable[Place]) -> list[Cell]:
    """The cell at each of the places."""
    return [genotype.reduce if place.reduces else genotype.normal for place in plan]


def input_pairs(node: int) -> list[tuple[int, int]]:
    """All pairs of nodes that a node can read, in lexicographic order."""
    return list(itertools.combinations(range(node), 2))


def format_genotype(genotype: Genotype) -> str:
    """DARTS's notation in one line, ``Genotype(normal=[('sep_conv_3x3', 0), ...], ...)``."""
    parts = []
    for name, cell in genotype._asdict().items():
        edges = [edge for node in cell for edge in node]
        parts += [f"{name}={edges!r}", f"{name}_concat={list(NODES)!r}"]
    return f"Genotype({', '.join(parts)})"


_CELL = r"{0}=(?P<{0}>\[[^\]]*\]),\s*{0}_concat=(?:\[2,\s*3,\s*4,\s*5\]|range\(2,\s*6\))"
_GENOTYPE = re.compile(rf"Genotype\(\s*{_CELL.format('normal')},\s*{_CELL.format('reduce')},?\s*\)")


def read_genotype(text: str) -> Genotype | None:
    """The cells written in DARTS's notation, or None where the form is another.

    The names of the operations and the numbers of the inputs are taken as they are.
    """
    match = _GENOTYPE.fullmatch(text.strip())
    cells = [_read_cell(match[name]) for name in Genotype._fields] if match else []
    normal, reduce = cells if match else (None, None)
    return Genotype(normal, reduce) if normal and reduce else None


def _read_cell(text: str) -> Cell | None:
    try:
        edges = [(str(operation), int(source)) for operation, source in ast.literal_eval(text)]
    except (ValueError, TypeError, SyntaxError):
        return None
    if len(edges) != 2 * len(NODES):
        return None
    return tuple(node_of(*edges[at : at + 2]) for at in range(0, len(edges), 2))


def node_of(first: Edge, second: Edge) -> Node:
    """The two edges in the order of the nodes that they read."""
    return (first, second) if first[1] <= second[1] else (second, first)


def canonical_cell(cell: Cell) -> Cell:
    """The first, by inputs and operations, of the cells that are ``cell`` with renamed nodes.

    A cell's output is the concatenation of its nodes, and whatever reads it has weights for each
    channel: the order of the nodes changes no function, no parameter and no MAC.
    """
    return min(_renamings(cell), key=_order)


def _renamings(cell: Cell) -> Iterator[Cell]:
    for order in itertools.permutations(NODES):
        name = {0: 0, 1: 1, **{old: new for new, old in enumerate(order, start=NODES[0])}}
        nodes = tuple(
            node_of(*((operation, name[source]) for operation, source in cell[old - NODES[0]]))
            for old in order
        )
        if all(node[1][1] < number for number, node in zip(NODES, nodes, strict=True)):
            yield nodes


def _order(cell: Cell) -> list[tuple[int, int]]:
    return [(source, OPERATIONS.index(operation)) for node in cell for operation, source in node]
