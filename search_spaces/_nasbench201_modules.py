"""The networks of NAS-Bench-201, layer for layer as the benchmark trained them.

Shapes are ``(B, C, H, W)``: batch, channels, height, width. No activation works in place, so hooks
may keep what they see.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from search_spaces._nasbench201_cells import EDGES, Cell
from search_spaces._stem import Stem, stem_widths

_CONVOLUTIONS = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}
_OUTPUT_NODE = 3


class ReluConvNorm(nn.Sequential):
    """ReLU, convolution without bias, batch norm: ``(B, C, H, W)`` to ``(B, K, H', W')``."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.convolution = nn.Conv2d(
            in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False
        )
        self.norm = nn.BatchNorm2d(out_channels)


class NasBench201Cell(nn.Module):
    """Four nodes, each the sum of its incoming edges: ``(B, C, H, W)`` to the same shape.

    Every convolution of the cell is there and is computed, also one whose result nothing uses or
    whose input is zero, so that parameters and MACs are the published ones; nothing else that the
    output does not need is computed. A convolution whose result nothing uses gets no gradient
    (``weight.grad`` stays None); canonical archs have none of those.
    """

    def __init__(self, cell: Cell, channels: int) -> None:
        super().__init__()
        self._plan = [(*EDGES[edge], _edge_name(edge)) for edge in _computed_edges(cell)]
        self.edges = nn.ModuleDict(
            {_edge_name(edge): operation(cell[edge], channels) for edge in _computed_edges(cell)}
        )

    def forward(self, x: Tensor) -> Tensor:
        nodes: dict[int, Tensor] = {0: x}
        for source, target, name in self._plan:
            value = self.edges[name](nodes[source] if source in nodes else torch.zeros_like(x))
            nodes[target] = nodes[target] + value if target in nodes else value
        return nodes[_OUTPUT_NODE] if _OUTPUT_NODE in nodes else torch.zeros_like(x)


def _edge_name(edge: int) -> str:
    source, target = EDGES[edge]
    return f"{source}_{target}"


def operation(name: str, channels: int) -> nn.Module:
    """The module of one operation but ``none``: ``(B, C, H, W)`` to the same shape."""
    if name in _CONVOLUTIONS:
        return ReluConvNorm(channels, channels, _CONVOLUTIONS[name])
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    return nn.Identity()


def _computed_edges(cell: Cell) -> list[int]:
    """Edges to compute, in an order in which each node is complete before it is read."""
    filled = {0}  # nodes that receive something
    for (source, target), operation in zip(EDGES, cell, strict=True):
        if operation in _CONVOLUTIONS or (operation != "none" and source in filled):
            filled.add(target)
    computed = []
    read = {_OUTPUT_NODE}  # nodes whose value is needed
    for edge in reversed(range(len(EDGES))):
        (source, target), operation = EDGES[edge], cell[edge]
        free = operation not in _CONVOLUTIONS
        if operation == "none" or (free and (source not in filled or target not in read)):
            continue
        computed.append(edge)
        read.add(source)
    return computed[::-1]


class ReductionBlock(nn.Module):
    """Residual block that halves the map: ``(B, C, H, W)`` to ``(B, 2C, H/2, W/2)``, rounded up.

    No normalisation in the shortcut and no activation after the sum, as published.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        out_channels = 2 * in_channels
        self.main = nn.Sequential(
            ReluConvNorm(in_channels, out_channels, 3, stride=2),
            ReluConvNorm(out_channels, out_channels, 3),
        )
        # Rounding up differs from the published floor only for odd sides, where the sum needs it.
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, stride=2, ceil_mode=True),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        main: Tensor = self.main(x)
        shortcut: Tensor = self.shortcut(x)
        return main + shortcut


class NasBench201Network(nn.Module):
    """Stem, three stages of equal cells with reductions between, BN and ReLU, pooling, classifier.

    Images ``(B, in_channels, S, S)`` to logits ``(B, num_classes)``. The stem shrinks them by
    ``stem_stride``, which is a power of two; below it is 1.
    """

    def __init__(
        self,
        cell: Cell,
        *,
        channels: int,
        cells_per_stage: int,
        in_channels: int,
        num_classes: int,
        stem_stride: int = 1,
    ) -> None:
        super().__init__()

        def stage(width: int) -> nn.Sequential:
            return nn.Sequential(*(NasBench201Cell(cell, width) for _ in range(cells_per_stage)))

        self.stem = Stem(in_channels, stem_widths(channels, stem_stride), stem_stride)
        self.stage_1 = stage(channels)
        self.reduction_1 = ReductionBlock(channels)
        self.stage_2 = stage(2 * channels)
        self.reduction_2 = ReductionBlock(2 * channels)
        self.stage_3 = stage(4 * channels)
        self.last_activation = nn.Sequential(nn.BatchNorm2d(4 * channels), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(4 * channels, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stage_1(self.stem(images))  # (B, C, S, S)
        x = self.stage_2(self.reduction_1(x))  # (B, 2C, S/2, S/2)
        x = self.stage_3(self.reduction_2(x))  # (B, 4C, S/4, S/4)
        pooled = self.pool(self.last_activation(x)).flatten(1)  # (B, 4C)
        logits: Tensor = self.classifier(pooled)
        return logits
