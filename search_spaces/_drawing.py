"""How a space says what a picture of an arch shows, without a word about how it is painted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from nas_kd.errors import UsageError
from search_spaces._arch import Arch

if TYPE_CHECKING:  # so that pictures can be painted without torch
    from search_spaces._space import SearchSpace


@dataclass(frozen=True)
class Block:
    """One box in the row from the input to the classifier.

    Attributes:
        title: What it is, in a word or two.
        details: Its kind and sizes, one short line each.
        repeats: How many such blocks follow one another.
        fixed: Whether every student of the space has it alike.
        faint: Whether it passes its input on unchanged.
    """

    title: str
    details: tuple[str, ...] = ()
    repeats: int = 1
    fixed: bool = False
    faint: bool = False


@dataclass(frozen=True)
class Edge:
    """An operation between two nodes of a cell.

    Attributes:
        source: Name of the node that it reads.
        target: Name of the node that adds its output.
        label: The operation.
        faint: Whether the cell's output does not depend on it.
    """

    source: str
    target: str
    label: str
    faint: bool = False


@dataclass(frozen=True)
class CellGraph:
    """A cell that blocks of the row repeat.

    Attributes:
        title: What it is called in the row.
        nodes: Names of the nodes, each after those that it depends on.
        edges: The operations between them.

    Raises:
        UsageError: An edge names no node, or does not lead to a later one.
    """

    title: str
    nodes: tuple[str, ...]
    edges: tuple[Edge, ...]

    def __post_init__(self) -> None:
        place = {node: number for number, node in enumerate(self.nodes)}
        for edge in self.edges:
            ends = place.get(edge.source), place.get(edge.target)
            if ends[0] is None or ends[1] is None or ends[0] >= ends[1]:
                raise UsageError(
                    f"drawing: the edge {edge.source!r} to {edge.target!r} of {self.title} does "
                    f"not lead from one of {', '.join(self.nodes)} to a later one."
                )


@dataclass(frozen=True)
class Drawing:
    """What a picture of one arch shows.

    Attributes:
        caption: The arch in the space's notation.
        blocks: The network from the input to the classifier; empty where the space does not say.
        cells: The cells that its blocks repeat.
    """

    caption: str
    blocks: tuple[Block, ...] = ()
    cells: tuple[CellGraph, ...] = ()


@runtime_checkable
class Drawable(Protocol):
    """A space whose archs can be drawn; not part of what a `SearchSpace` has to offer."""

    def drawing(self, arch: Arch) -> Drawing:
        """What a picture of ``arch`` shows: every gene on which its student depends.

        Raises:
            IllegalArchError: ``arch`` is not a member of the space.
        """
        ...


def drawing_of(space: SearchSpace, arch: Arch) -> Drawing:
    """The arch's drawing; of a space that has none to offer, the arch in words alone."""
    if isinstance(space, Drawable):
        return space.drawing(arch)
    return Drawing(caption=space.describe(arch))
