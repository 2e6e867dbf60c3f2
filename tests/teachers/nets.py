"""Small classifiers, and what a user's own module may hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas_kd.teachers import Teacher

NUMBER = 3


@dataclass(frozen=True)
class Task:
    """What a teacher is loaded for."""

    input_shape: tuple[int, int, int] = (3, 16, 16)
    num_classes: int = 5
    classes: tuple[str, ...] = ()


class Block(nn.Module):
    """A residual block whose first convolution works at the resolution of its input."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, stride, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv2(self.conv1(x).relu()) + self.shortcut(x)
        return y.relu()


class SmallCnn(nn.Module):
    """Three resolutions, a squeeze after pooling, and an auxiliary linear layer."""

    def __init__(self, num_classes: int = 5) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.body = nn.Sequential(
            nn.Sequential(Block(4, 6, 1), Block(6, 6, 1)),
            nn.Sequential(Block(6, 8, 2)),
            nn.Sequential(Block(8, 10, 2), Block(10, 10, 1)),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.squeeze = nn.Linear(10, num_classes)
        self.head = nn.Linear(num_classes, num_classes)
        self.unused = nn.Linear(10, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        pooled = self.pool(self.body(self.stem(images))).flatten(1)
        logits: Tensor = self.head(self.squeeze(pooled))
        self.unused(pooled)
        return logits


def make() -> nn.Module:
    return SmallCnn()


def make_for(num_classes: int, input_shape: tuple[int, int, int]) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(int(torch.tensor(input_shape).prod()), num_classes)
    )


def make_teacher() -> Teacher:
    return Teacher(SmallCnn(), "mine", "nets", 5, ["body"], "head", (0.5,) * 3, (0.5,) * 3)


def make_teacher_with_a_slip() -> Teacher:
    return Teacher(SmallCnn(), "mine", "nets", 5, ["boddy"], "head")


def nothing() -> None:
    return None


def without_a_linear_layer() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 5, 16), nn.Flatten())


def with_broken_weights() -> nn.Module:
    model = SmallCnn()
    nn.init.constant_(model.head.bias, float("nan"))
    return model


class TwoOutputs(nn.Module):
    """Returns a pair, as detection models do."""

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return images, images


class TwoHeads(nn.Module):
    """Returns the mean of two classifiers of two classes, for images of 3 x 4 x 4."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(48, 2), nn.Linear(48, 2)

    def forward(self, images: Tensor) -> Tensor:
        flat = images.flatten(1)
        mean: Tensor = (self.first(flat) + self.second(flat)) / 2
        return mean


class Ending(nn.Module):
    """A linear classifier of 3 x 16 x 16 images with a function before and one behind it."""

    def __init__(
        self,
        behind: Callable[[Tensor], Tensor] = nn.Identity(),
        before: Callable[[Tensor], Tensor] = nn.Identity(),
    ) -> None:
        super().__init__()
        self.head = nn.Linear(3 * 16 * 16, 5)
        self.behind, self.before = behind, before

    def forward(self, images: Tensor) -> Tensor:
        return self.behind(self.head(self.before(images).flatten(1)))
