"""`Mixture`: how much each operation of a cell counts while a supernet runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor


@dataclass(frozen=True)
class Mixture:
    """Weights of the operations on every edge, shared by all cells of a kind.

    Where no edge has more than one operation that counts, only those are computed.

    Attributes:
        operations: Kind of cell to weights ``(edge, operation)``.
        edges: Kind of cell to further weights ``(edge,)``; without them every edge counts once.
        skip: Weight of an auxiliary skip connection beside the operations of every edge, a part of
            the edge as they are.
    """

    operations: Mapping[str, Tensor]
    edges: Mapping[str, Tensor] | None = None
    skip: float = 0.0

    @cached_property
    def rows(self) -> Mapping[str, list[list[float]]]:
        """The weights of the operations as plain numbers."""
        return {kind: weights.tolist() for kind, weights in self.operations.items()}

    @cached_property
    def hard(self) -> bool:
        """Whether no edge has more than one operation that counts."""
        rows = (row for rows in self.rows.values() for row in rows)
        return all(sum(map(bool, row)) <= 1 for row in rows)

    def edge_weight(self, kind: str, edge: int) -> Tensor | None:
        return None if self.edges is None else self.edges[kind][edge]


@dataclass(frozen=True)
class CellKind:
    """What there is to choose in the cells of one kind.

    Attributes:
        edges: ``(source, target)`` node of each edge.
        operations: Names of the operations on each edge.
        inputs: Edges that a node of a decoded cell keeps; None keeps all.
        decodes_none: Whether an edge of a decoded cell may be ``none``, the first operation.
    """

    edges: tuple[tuple[int, int], ...]
    operations: tuple[str, ...]
    inputs: int | None = None
    decodes_none: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """``(edges, operations)``."""
        return len(self.edges), len(self.operations)

    @property
    def first_decoded(self) -> int:
        """The first of the operations that an edge of a decoded cell can have."""
        return 0 if self.decodes_none else 1

    @property
    def incoming(self) -> list[list[int]]:
        """The edges into each node."""
        nodes: dict[int, list[int]] = {}
        for edge, (_, target) in enumerate(self.edges):
            nodes.setdefault(target, []).append(edge)
        return list(nodes.values())
