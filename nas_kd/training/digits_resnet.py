"""The ResNet that teaches the embedded digits job."""

from __future__ import annotations

from torch import Tensor, nn


class DigitsResNet(nn.Module):
    """A ResNet of three stages for small images.

    Source: He et al., CVPR 2016, section 4.2 (6n + 2 layers), wider. Deviation:
    projections instead of padded identities where a stage begins.

    Args:
        in_channels: Channels of the image.
        num_classes: Size of the output.
        width: Channels of the first stage; the later ones have two and four times as many.
        blocks: Blocks of two convolutions per stage.
    """

    def __init__(self, in_channels: int, num_classes: int, *, width: int, blocks: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        )
        self.stage1 = _stage(width, width, blocks, stride=1)
        self.stage2 = _stage(width, 2 * width, blocks, stride=2)
        self.stage3 = _stage(2 * width, 4 * width, blocks, stride=2)
        self.classifier = nn.Linear(4 * width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem(images)  # batch, width, H, W
        x = self.stage1(x)
        x = self.stage2(x)  # batch, 2 width, H/2, W/2
        x = self.stage3(x)  # batch, 4 width, H/4, W/4
        logits: Tensor = self.classifier(x.mean(dim=(2, 3)))  # batch, class
        return logits


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.relu(self.body(x) + self.shortcut(x))
        return out


def _stage(inputs: int, outputs: int, blocks: int, *, stride: int) -> nn.Sequential:
    first = _Block(inputs, outputs, stride)
    return nn.Sequential(first, *(_Block(outputs, outputs, 1) for _ in range(blocks - 1)))
