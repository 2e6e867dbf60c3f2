"""Real digits, few of them, a student of a few thousand weights and a teacher for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from nas_kd.data import DataSplits, load_data
from nas_kd.teachers import Teacher


class TinyNet(nn.Module):
    """Convolution, batch norm, dropout and a classifier: all that a checkpoint has to get right."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, width, 3, stride=2, padding=1), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.dropout = nn.Dropout(0.1)
        self.classifier = nn.Linear(4 * width, 10)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.body(images)  # batch, width, 4, 4
        pooled = nn.functional.adaptive_avg_pool2d(maps, 2).flatten(1)  # batch, 4 width
        logits: Tensor = self.classifier(self.dropout(pooled))
        return logits


def tiny(width: int = 8, seed: int = 0) -> TinyNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TinyNet(width)


@pytest.fixture(scope="session")
def digits() -> DataSplits:
    """160 training, 96 validation and 64 test images."""
    whole = load_data("digits", seed=0)
    assert whole.test is not None
    return replace(
        whole,
        train=whole.train.subset(range(160)),
        validation=whole.validation.subset(range(96)),
        test=whole.test.subset(range(64)),
    )


@pytest.fixture
def student() -> TinyNet:
    return tiny()


@pytest.fixture
def make_teacher(digits: DataSplits) -> Callable[..., Teacher]:
    def make(**changes: object) -> Teacher:
        teacher = Teacher(
            model=tiny(width=12, seed=5),
            name="tiny",
            source="tests",
            num_classes=10,
            features=["body"],
            head="classifier",
            mean=digits.mean,
            std=digits.std,
        )
        return replace(teacher, **changes)  # type: ignore[arg-type]

    return make
