"""The cell of DARTS with all operations on all edges.

Shapes are ``(B, C, H, W)``: batch, channels, height, width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from search_spaces._darts_cells import NODES, OPERATIONS, Place
from search_spaces._darts_modules import older_input
from search_spaces._darts_operations import ReluConvNorm, operation, skip
from search_spaces.supernets._mixture import Mixture
from search_spaces.supernets._partial import merged

CHOICES = ("none", *OPERATIONS)
"""The operations of a supernet's edge, in the published order."""

EDGES = tuple((source, target) for target in NODES for source in range(target))
"""``(source, target)`` of all 14 edges, in the published order."""


class MixedEdge(nn.Module):
    """All operations on one edge, weighted: ``(B, C, H, W)`` to ``(B, C, H/stride, W/stride)``."""

    def __init__(self, channels: int, stride: int, *, partial: int, auxiliary_skip: bool) -> None:
        super().__init__()
        self.stride, self.partial = stride, partial
        self.computed = channels // partial
        self.operations = nn.ModuleDict(
            {
                name: operation(name, self.computed, stride, affine=False, pool_norm=True)
                for name in OPERATIONS
            }
        )
        self.auxiliary_skip = skip(channels, stride, affine=False) if auxiliary_skip else None

    def forward(self, x: Tensor, weights: Tensor, row: Sequence[float], beside: float) -> Tensor:
        """The edge's map.

        Args:
            x: The map that it reads.
            weights: Of the operations of `CHOICES`.
            row: The same as numbers; what weighs nothing is not computed.
            beside: Weight of the auxiliary skip.
        """
        part = x[:, : self.computed]
        values = [
            weights[number] * self.operations[name](part)
            for number, name in enumerate(CHOICES)
            if row[number] and name != "none"
        ]
        computed = sum(values[1:], values[0]) if values else self._zeros(part)
        if self.partial > 1:
            rest = x[:, self.computed :]
            rest = rest if self.stride == 1 else F.max_pool2d(rest, 2, ceil_mode=True)
            computed = merged(computed, rest, self.partial)
        if beside and self.auxiliary_skip is not None:
            computed = computed + beside * self.auxiliary_skip(x)
        return computed

    def _zeros(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x[:, :, :: self.stride, :: self.stride])


class MixedCell(nn.Module):
    """Four nodes, each the sum of edges from all before it, concatenated.

    The outputs of the cell before last and of the last cell to ``(B, 4C, H, W)``, half as high and
    wide where the cell reduces.
    """

    def __init__(self, place: Place, *, partial: int = 1, auxiliary_skip: bool = False) -> None:
        super().__init__()
        self.kind = "reduce" if place.reduces else "normal"
        self.older_input = older_input(place, affine=False)
        self.newer_input = ReluConvNorm(place.newer, place.channels, affine=False)
        self.edges = nn.ModuleList(
            MixedEdge(
                place.channels,
                place.stride(source),
                partial=partial,
                auxiliary_skip=auxiliary_skip,
            )
            for source, _ in EDGES
        )

    def forward(self, older: Tensor, newer: Tensor, mixture: Mixture) -> Tensor:
        states = [self.older_input(older), self.newer_input(newer)]
        for node in NODES:
            values = [
                self._edge(number, states[source], mixture)
                for number, (source, target) in enumerate(EDGES)
                if target == node and self._counts(number, mixture)
            ]
            states.append(sum(values[1:], values[0]))
        return torch.cat(states[2:], dim=1)

    def _edge(self, number: int, state: Tensor, mixture: Mixture) -> Tensor:
        weights, row = mixture.operations[self.kind][number], mixture.rows[self.kind][number]
        value: Tensor = self.edges[number](state, weights, row, mixture.skip)
        weight = mixture.edge_weight(self.kind, number)
        return value if weight is None else weight * value

    def _counts(self, number: int, mixture: Mixture) -> bool:
        """Whether any operation of the edge, ``none`` included, has a weight."""
        return any(mixture.rows[self.kind][number])
