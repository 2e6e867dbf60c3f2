"""The two optimisers of a search, and the learning rate of its weights."""

from __future__ import annotations

import math
from collections.abc import Iterable

from torch import nn
from torch.optim import SGD, Adam

from nas_kd.training.darts.settings import SearchSettings

_BETAS = (0.5, 0.999)
_MOMENTUM = 0.9
_TUNING = 10
"""The published learning rate of tuning is this part of the first one."""


def alphas_optimizer(alphas: Iterable[nn.Parameter], settings: SearchSettings) -> Adam:
    """Of the architecture parameters."""
    return Adam(
        alphas,
        lr=settings.alpha_learning_rate,
        betas=_BETAS,
        weight_decay=settings.alpha_weight_decay,
    )


def weights_optimizer(weights: Iterable[nn.Parameter], settings: SearchSettings) -> SGD:
    """Of the supernet's weights."""
    return SGD(
        weights,
        lr=settings.learning_rate,
        momentum=_MOMENTUM,
        nesterov=settings.nesterov,
        weight_decay=settings.weight_decay,
    )


def learning_rate(settings: SearchSettings, epochs: int) -> float:
    """Of the weights after so many epochs: along a cosine; while decisions are tuned, a tenth of
    the first one."""
    first, last = settings.learning_rate, settings.last_learning_rate
    if epochs >= settings.epochs:
        return first / _TUNING
    share = epochs / settings.epochs
    return last + (first - last) * 0.5 * (1 + math.cos(math.pi * share))
