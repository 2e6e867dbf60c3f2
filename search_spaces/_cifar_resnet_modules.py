"""CIFAR ResNets of basic blocks with projected shortcuts.

Shapes are ``(B, C, H, W)``: batch, channels, height, width. No activation works in place, so hooks
may keep what they see.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from search_spaces._stem import Stem, stem_widths


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut: ``(B, C, H, W)`` to ``(B, K, H/stride, W/stride)``.

    The shortcut is a 1x1 convolution with batch normalisation where the shape changes.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        activated: Tensor = self.relu(self.main(x) + self.shortcut(x))
        return activated


class CifarResNetNetwork(nn.Module):
    """Stem, three stages of basic blocks, pooling, classifier.

    Images ``(B, in_channels, S, S)`` to logits ``(B, num_classes)``. The stem shrinks them by
    ``stem_stride``, which is a power of two; below it is 1.
    """

    def __init__(
        self,
        depths: Sequence[int],
        *,
        width: int,
        in_channels: int,
        num_classes: int,
        stem_stride: int = 1,
    ) -> None:
        super().__init__()
        depth_1, depth_2, depth_3 = depths
        widths = stem_widths(width, stem_stride)
        self.stem = Stem(in_channels, widths, stem_stride, activated=True)
        self.stage_1 = _stage(width, width, depth_1, stride=1)
        self.stage_2 = _stage(width, 2 * width, depth_2, stride=2)
        self.stage_3 = _stage(2 * width, 4 * width, depth_3, stride=2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(4 * width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stage_1(self.stem(images))  # (B, C, S, S)
        x = self.stage_2(x)  # (B, 2C, S/2, S/2)
        x = self.stage_3(x)  # (B, 4C, S/4, S/4)
        logits: Tensor = self.classifier(self.pool(x).flatten(1))
        return logits


def _stage(in_channels: int, out_channels: int, depth: int, *, stride: int) -> nn.Sequential:
    first = BasicBlock(in_channels, out_channels, stride)
    others = (BasicBlock(out_channels, out_channels, 1) for _ in range(depth - 1))
    return nn.Sequential(first, *others)
