"""Small real networks and real images for the proxies; no search space is involved."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F


class TinyResNet(nn.Module):
    """A stem and residual blocks on 8x8 digits: ``(batch, 1, 8, 8)`` to ``(batch, classes)``."""

    def __init__(
        self, width: int = 8, depth: int = 2, classes: int = 10, *, in_place: bool = False
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        )
        self.blocks = nn.Sequential(*(_Block(width, in_place) for _ in range(depth)))
        self.drop: nn.Module = nn.Dropout(0.1)
        self.classifier = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.blocks(F.relu(self.stem(images)))  # (B, C, 8, 8)
        logits: Tensor = self.classifier(self.drop(x.mean((2, 3))))
        return logits


class _Block(nn.Module):
    def __init__(self, width: int, in_place: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=in_place)

    def forward(self, x: Tensor) -> Tensor:
        activated: Tensor = self.relu(self.norm(self.convolution(x)) + x)
        return activated


class DeadNet(TinyResNet):
    """Lets nothing of the image through: constant logits, as a cell of `none` edges gives."""

    def forward(self, images: Tensor) -> Tensor:
        x = self.blocks(torch.zeros_like(F.relu(self.stem(images))))
        logits: Tensor = self.classifier(x.mean((2, 3)))
        return logits


class FunctionalNet(nn.Module):
    """Its ReLU is a function, so hooks cannot see it."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 4, 3)
        self.classifier = nn.Linear(4, 10)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(F.relu(self.convolution(images)).mean((2, 3)))
        return logits


def features(model: nn.Module) -> list[str]:
    return ["stem", "blocks"]


def head(model: nn.Module) -> str:
    return "classifier"


def digits(size: int = 16, start: int = 0) -> tuple[Tensor, Tensor]:
    """Handwritten digits ``(batch, 1, 8, 8)`` in [0, 1] and their classes ``(batch,)``."""
    data = load_digits()
    chosen = slice(start, start + size)
    images = torch.tensor(data.images[chosen] / 16, dtype=torch.float32)[:, None]
    return images, torch.tensor(data.target[chosen])


Network = TypeVar("Network", bound=nn.Module)


def seeded(build: Callable[[], Network], seed: int = 0) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()
