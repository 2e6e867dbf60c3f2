"""The cell of NAS-Bench-201 with all operations on all edges.

Shapes are ``(B, C, H, W)``: batch, channels, height, width.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from search_spaces._nasbench201_cells import EDGES, OPERATIONS
from search_spaces.supernets._blend import blended
from search_spaces.supernets._mixture import Mixture
from search_spaces.supernets._partial import merged

KIND = "cell"
KERNELS = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}
_NONE, _SKIP, _POOL = map(OPERATIONS.index, ("none", "skip_connect", "avg_pool_3x3"))
_OUTPUT = 3


class EdgeConvolutions(nn.Module):
    """The convolutions of one size on all edges that leave a node, each with its batch norm.

    They read the same map, so they run as one convolution with their filters side by side. The
    weight of an edge is the scale of its batch norm.
    """

    def __init__(self, channels: int, kernel: int, edges: int) -> None:
        super().__init__()
        self.channels = channels
        self.convolution = nn.Conv2d(
            channels, edges * channels, kernel, padding=kernel // 2, bias=False
        )
        self.norm = nn.BatchNorm2d(edges * channels, affine=False)

    def forward(self, activated: Tensor, weights: Tensor) -> Tensor:
        """The shares of all edges side by side, for ``weights (edge,)``."""
        return self._run(activated, weights, slice(None))

    def one(self, activated: Tensor, weight: Tensor, edge: int) -> Tensor:
        """The share of one edge alone."""
        return self._run(activated, weight[None], self.rows(edge))

    def rows(self, edge: int) -> slice:
        """Where the filters of an edge are."""
        return slice(edge * self.channels, (edge + 1) * self.channels)

    def _run(self, activated: Tensor, weights: Tensor, rows: slice) -> Tensor:
        maps = F.conv2d(activated, self.convolution.weight[rows], padding=self.convolution.padding)
        mean, variance = self.norm.running_mean, self.norm.running_var
        assert mean is not None
        assert variance is not None
        return F.batch_norm(
            maps,
            mean[rows],
            variance[rows],
            weight=weights.repeat_interleave(self.channels),
            training=self.training,
            momentum=self.norm.momentum or 0.0,
            eps=self.norm.eps,
        )


class MixedCell(nn.Module):
    """Four nodes, each the sum of its incoming edges: ``(B, C, H, W)`` to the same shape."""

    def __init__(self, channels: int, partial: int = 1) -> None:
        super().__init__()
        self.partial = partial
        self.computed = channels // partial
        self.convolutions = nn.ModuleDict(
            {
                name: nn.ModuleList(
                    EdgeConvolutions(self.computed, kernel, _OUTPUT - source)
                    for source in range(_OUTPUT)
                )
                for name, kernel in KERNELS.items()
            }
        )
        self.pool = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)

    def edge_convolutions(self, name: str, source: int) -> EdgeConvolutions:
        """Those of one operation on the edges that leave a node."""
        return cast(EdgeConvolutions, cast(nn.ModuleList, self.convolutions[name])[source])

    def forward(self, x: Tensor, mixture: Mixture) -> Tensor:
        nodes: dict[int, Tensor] = {0: x}
        for source in range(_OUTPUT):
            state = nodes[source] if source in nodes else torch.zeros_like(x)
            leaving = self._single if mixture.hard else self._mixed
            for edge, value in leaving(source, state[:, : self.computed], mixture).items():
                target = EDGES[edge][1]
                whole = self._whole(value, state, mixture, edge)
                nodes[target] = nodes[target] + whole if target in nodes else whole
        return nodes[_OUTPUT] if _OUTPUT in nodes else torch.zeros_like(x)

    def _mixed(self, source: int, state: Tensor, mixture: Mixture) -> dict[int, Tensor]:
        """What each edge from ``source`` gives: all of its operations, weighted."""
        edges, weights = _leaving(source), mixture.operations[KIND]
        columns = torch.stack([weights[edge] for edge in edges]).unbind(1)  # (edge,) an operation
        activated = F.relu(state)
        small, large = (
            self.edge_convolutions(name, source)(activated, columns[OPERATIONS.index(name)])
            for name in KERNELS
        )
        values = blended(small, large, state, self.pool(state), columns[_SKIP], columns[_POOL])
        return dict(zip(edges, values, strict=True))

    def _single(self, source: int, state: Tensor, mixture: Mixture) -> dict[int, Tensor]:
        """What each edge from ``source`` gives: the one operation that counts.

        Edges of which nothing is left are missing; where a part of the channels bypasses the
        operations, or a skip lies beside them, something always is.
        """
        values: dict[int, Tensor] = {}
        for place, edge in enumerate(_leaving(source)):
            number = next((n for n, w in enumerate(mixture.rows[KIND][edge]) if w), _NONE)
            name, weight = OPERATIONS[number], mixture.operations[KIND][edge, number]
            if name in KERNELS:
                convolutions = self.edge_convolutions(name, source)
                values[edge] = convolutions.one(F.relu(state), weight, place)
            elif name != "none":
                values[edge] = weight * (state if number == _SKIP else self.pool(state))
            elif self.partial > 1 or mixture.skip:
                values[edge] = torch.zeros_like(state)
        return values

    def _whole(self, value: Tensor, state: Tensor, mixture: Mixture, edge: int) -> Tensor:
        """An edge's map with the channels that bypass its operations, and the skip beside them.

        All of it is as much as the edge counts.
        """
        if self.partial > 1:
            value = merged(value, state[:, self.computed :], self.partial)
        if mixture.skip:
            value = value + mixture.skip * state
        weight = mixture.edge_weight(KIND, edge)
        return value if weight is None else weight * value


def _leaving(source: int) -> list[int]:
    """The edges that leave a node, by their targets."""
    return [edge for edge, (start, _) in enumerate(EDGES) if start == source]
