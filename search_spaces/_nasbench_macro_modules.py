"""The networks of NAS-Bench-Macro, layer for layer as the benchmark trained them.

Shapes are ``(B, C, H, W)``: batch, channels, height, width. No activation works in place, so hooks
may keep what they see.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from search_spaces._stem import Stem, stem_widths

LAYERS_PER_STAGE = (2, 3, 3)
EXPANSIONS = {"mb3_k3": (3, 3), "mb6_k5": (6, 5)}
"""Inverted residual blocks: how many times wider they are inside, and their kernel."""


class ConvNorm(nn.Sequential):
    """Convolution without bias, batch norm, ReLU if wanted: ``(B, C, H, W)`` to ``(B, K, ...)``."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        *,
        stride: int = 1,
        groups: int = 1,
        activated: bool = True,
    ) -> None:
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            convolution=nn.Conv2d(
                in_channels,
                out_channels,
                kernel,
                stride,
                padding=kernel // 2,
                groups=groups,
                bias=False,
            ),
            norm=nn.BatchNorm2d(out_channels),
        )
        if activated:
            layers["relu"] = nn.ReLU()
        super().__init__(layers)


class InvertedResidual(nn.Module):
    """Widen, filter each channel, narrow: ``(B, C, H, W)`` to ``(B, K, H/stride, W/stride)``.

    The input is added where it has the shape of the output. No activation after narrowing.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, expansion: int, kernel: int, stride: int
    ) -> None:
        super().__init__()
        hidden = expansion * in_channels
        self.main = nn.Sequential(
            ConvNorm(in_channels, hidden, 1),
            ConvNorm(hidden, hidden, kernel, stride=stride, groups=hidden),
            ConvNorm(hidden, out_channels, 1, activated=False),
        )
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        narrowed: Tensor = self.main(x)
        return x + narrowed if self.residual else narrowed


class NasBenchMacroNetwork(nn.Module):
    """Stem, three stages of chosen layers, a wide 1x1 convolution, pooling, classifier.

    Images ``(B, in_channels, S, S)`` to logits ``(B, num_classes)``. The first layer of each stage
    halves the map, odd sides rounded up, and doubles the channels; there an identity is a 1x1
    convolution with batch norm. The stem shrinks the images by ``stem_stride``, which is a power of
    two; below it is 1.

    Args:
        operations: One of ``identity``, ``mb3_k3``, ``mb6_k5`` for each of the eight layers.
        width: Channels of the stem.
        last_width: Channels of the last convolution.
    """

    def __init__(
        self,
        operations: Sequence[str],
        *,
        width: int,
        last_width: int,
        in_channels: int,
        num_classes: int,
        stem_stride: int = 1,
    ) -> None:
        super().__init__()
        left = iter(operations)
        first, second, third = ([next(left) for _ in range(n)] for n in LAYERS_PER_STAGE)
        self.stem = Stem(
            in_channels,
            stem_widths(width, stem_stride),
            stem_stride,
            activated=True,
            names=("convolution", "norm", "relu"),
        )
        self.stage_1 = _stage(first, width)
        self.stage_2 = _stage(second, 2 * width)
        self.stage_3 = _stage(third, 4 * width)
        self.last_convolution = ConvNorm(8 * width, last_width, 1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(last_width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stage_1(self.stem(images))  # (B, 2C, S/2, S/2)
        x = self.stage_2(x)  # (B, 4C, S/4, S/4)
        x = self.stage_3(x)  # (B, 8C, S/8, S/8)
        pooled = self.pool(self.last_convolution(x)).flatten(1)  # (B, last_width)
        logits: Tensor = self.classifier(pooled)
        return logits


def _stage(operations: Sequence[str], in_channels: int) -> nn.Sequential:
    """``(B, C, H, W)`` to ``(B, 2C, H/2, W/2)``."""
    out_channels = 2 * in_channels
    first = _layer(operations[0], in_channels, out_channels, stride=2)
    others = (_layer(name, out_channels, out_channels, stride=1) for name in operations[1:])
    return nn.Sequential(first, *others)


def _layer(operation: str, in_channels: int, out_channels: int, *, stride: int) -> nn.Module:
    if operation in EXPANSIONS:
        expansion, kernel = EXPANSIONS[operation]
        return InvertedResidual(
            in_channels, out_channels, expansion=expansion, kernel=kernel, stride=stride
        )
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return ConvNorm(in_channels, out_channels, 1, stride=stride, activated=False)
