"""What a user's own module may hold: a teacher and data, by import path."""

from __future__ import annotations

import torch
from torch import nn


def make_teacher() -> nn.Module:
    """A small untrained CNN for the digits, 1 x 8 x 8, ten classes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return _cnn(10)


def make_teacher_of_three_classes() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return _cnn(3)


def make_something_else() -> str:
    return "not a module"


def fail() -> nn.Module:
    raise RuntimeError("the weights are on another machine")


def _cnn(classes: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, classes),
    )
