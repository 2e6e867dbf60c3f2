"""The networks of the DARTS space, as they are trained once a cell is found.

Shapes are ``(B, C, H, W)``: batch, channels, height, width. No activation works in place, so hooks
may keep what they see.
"""

from __future__ import annotations

from typing import cast

import torch
from timm.layers import DropPath
from torch import Tensor, nn

from nas_kd.errors import UsageError
from search_spaces._darts_cells import (
    Cell,
    Genotype,
    Place,
    cells_of,
    has_two_stems,
    places,
    stem_channels,
)
from search_spaces._darts_operations import FactorizedReduce, ReluConvNorm, operation
from search_spaces._stem import Stem, halving


def older_input(place: Place, *, affine: bool = True) -> nn.Module:
    """Brings the output of the cell before last to a cell's channels and size."""
    make = FactorizedReduce if place.after_reduction else ReluConvNorm
    return make(place.older, place.channels, affine=affine)


def stem(in_channels: int, channels: int, stride: int) -> Stem:
    """Gives what the first cell reads as the output of the cell before last.

    ``(B, in_channels, S, S)`` to ``(B, 3 channels, S, S)``; with a stride n of 2 or 4 to
    ``(B, channels, S/n, S/n)``, with 8 to ``(B, channels, S/4, S/4)``.
    """
    widths = stem_channels(channels, stride)
    if has_two_stems(stride):
        return Stem(in_channels, widths[:-1], stride // 2)
    return Stem(in_channels, widths, stride)


def second_stem(channels: int, stride: int) -> nn.Module:
    """Gives what the first cell reads as the output of the last cell, from what `stem` gives.

    The same, or with a stride of 8 ``(B, channels, S/8, S/8)``.
    """
    return halving(channels, channels) if has_two_stems(stride) else nn.Identity()


class DartsCell(nn.Module):
    """Four nodes, each the sum of two edges; they are concatenated.

    The outputs of the cell before last and of the last cell to ``(B, 4C, H, W)``, half as high and
    wide where the cell reduces. In training, every path but an identity is dropped for some images
    (``drop_path``).
    """

    def __init__(self, cell: Cell, place: Place, *, pool_norm: bool = False) -> None:
        super().__init__()
        self._sources = [source for node in cell for _, source in node]
        self.older_input = older_input(place)
        self.newer_input = ReluConvNorm(place.newer, place.channels)
        self.edges = nn.ModuleList(
            operation(name, place.channels, place.stride(source), pool_norm=pool_norm)
            for node in cell
            for name, source in node
        )
        self.drop_path = DropPath(0.0)

    def forward(self, older: Tensor, newer: Tensor) -> Tensor:
        states = [self.older_input(older), self.newer_input(newer)]
        for first in range(0, len(self.edges), 2):
            states.append(self._edge(first, states) + self._edge(first + 1, states))
        return torch.cat(states[2:], dim=1)

    def _edge(self, number: int, states: list[Tensor]) -> Tensor:
        edge, state = self.edges[number], states[self._sources[number]]
        value: Tensor = edge(state)
        return value if isinstance(edge, nn.Identity) else cast(Tensor, self.drop_path(value))


class AuxiliaryHead(nn.Sequential):
    """A second classifier on the map behind the second reduction, ``(B, C, S, S)`` to logits.

    Pooling to 2 x 2 by overlapping windows: for the published side of 8 five pixels wide.
    """

    def __init__(self, in_channels: int, side: int, num_classes: int) -> None:
        window = max(1, 5 * side // 8)
        super().__init__(
            nn.ReLU(),
            nn.AvgPool2d(window, side - window),
            nn.Conv2d(in_channels, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Conv2d(128, 768, 2, bias=False),
            nn.BatchNorm2d(768),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(768, num_classes),
        )


class DartsNetwork(nn.Module):
    """Stem, cells, pooling, classifier: images ``(B, in_channels, S, S)`` to logits ``(B, class)``.

    Args:
        stem_stride: By how much the stem shrinks the images, 1, 2, 4 or 8.
        pool_norm: Whether a batch norm follows every pooling.
        auxiliary_side: Side of the map behind the second reduction; with None there is no
            auxiliary head.
        drop_path: Share of the paths that are dropped in training, the last one where it grows.
    """

    def __init__(
        self,
        genotype: Genotype,
        *,
        channels: int,
        cells: int,
        in_channels: int,
        num_classes: int,
        stem_stride: int = 1,
        pool_norm: bool = False,
        auxiliary_side: int | None = None,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        plan = places(channels, cells, stem_stride)
        self.auxiliary_after = 2 * cells // 3
        self.stem = stem(in_channels, channels, stem_stride)
        self.second_stem = second_stem(channels, stem_stride)
        self.cells = nn.ModuleList(
            DartsCell(cell, place, pool_norm=pool_norm)
            for cell, place in zip(cells_of(genotype, plan), plan, strict=True)
        )
        self.auxiliary: AuxiliaryHead | None = None
        if auxiliary_side is not None:
            seen = plan[self.auxiliary_after].out_channels
            self.auxiliary = AuxiliaryHead(seen, auxiliary_side, num_classes)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(plan[-1].out_channels, num_classes)
        self.last_drop_path = drop_path
        self.set_drop_path(drop_path)

    def forward(self, images: Tensor) -> Tensor:
        return self._classified(self._outputs(images)[-1])

    def with_auxiliary(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The logits, and those of the auxiliary head (published weight of its loss: 0.4).

        Raises:
            UsageError: The network was built without an auxiliary head.
        """
        if self.auxiliary is None:
            raise UsageError(
                "darts: the network has no auxiliary head; build it with the option auxiliary=1."
            )
        outputs = self._outputs(images)
        return self._classified(outputs[-1]), self.auxiliary(outputs[self.auxiliary_after])

    def set_drop_path(self, rate: float) -> None:
        """Sets the share of dropped paths, which the published training raises every epoch."""
        for module in self.modules():
            if isinstance(module, DropPath):
                module.drop_prob = rate

    def _outputs(self, images: Tensor) -> list[Tensor]:
        """The output of every cell."""
        older = self.stem(images)
        newer = self.second_stem(older)
        outputs = []
        for cell in self.cells:
            older, newer = newer, cell(older, newer)
            outputs.append(newer)
        return outputs

    def _classified(self, last: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.pool(last).flatten(1))
        return logits
