"""What changes in the course of a training, all as functions of the share that is over."""

from __future__ import annotations

import math
from dataclasses import dataclass

from timm.scheduler import CosineLRScheduler
from torch.optim import Optimizer

from nas_kd.training.poa.published import ResolvedSettings

_TICKS = 1_000_000


def cosine(start: float, end: float, share: float) -> float:
    """From ``start`` at 0 to ``end`` at 1 along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


@dataclass(frozen=True)
class Moment:
    """The values at one moment of a training.

    Attributes:
        momentum: Of the teacher's moving average.
        temperature: Of its targets.
        patch_weight: Of masked-patch prediction.
    """

    momentum: float
    temperature: float
    patch_weight: float


class Schedules:
    """Sets the optimiser's learning rate and weight decay, and tells the rest.

    Cosines are planned for a longer training, of which this one is the share ``planned``; they do
    not reach their ends.

    Args:
        optimizer: Of `make_optimizer`.
        settings: What they are.
    """

    def __init__(self, optimizer: Optimizer, settings: ResolvedSettings) -> None:
        self._optimizer = optimizer
        self._settings = settings
        warmup = round(_TICKS * settings.warmup)
        horizon = round(_TICKS / settings.planned)
        self._rate = CosineLRScheduler(
            optimizer,
            t_initial=horizon - warmup,
            lr_min=settings.learning_rate_end,
            warmup_t=warmup,
            warmup_prefix=True,
            t_in_epochs=False,
        )

    def set(self, share: float) -> Moment:
        """Goes to ``share`` in [0, 1] of the training."""
        settings = self._settings
        planned = settings.planned * share
        self._rate.step_update(round(_TICKS * share))
        decay = cosine(settings.weight_decay, settings.weight_decay_end, planned)
        for group in self._optimizer.param_groups:
            group["weight_decay"] = decay if group["decays"] else 0.0
            if group["rests"] and share < settings.prototypes_rest:
                group["lr"] = 0.0
        return Moment(
            momentum=cosine(settings.teacher_momentum, settings.teacher_momentum_end, planned),
            temperature=self._temperature(share),
            patch_weight=settings.patch_weight if share >= settings.patch_start else 0.0,
        )

    def _temperature(self, share: float) -> float:
        settings = self._settings
        start, end = settings.teacher_temperature, settings.teacher_temperature_end
        if share >= settings.temperature_warmup:
            return end
        return start + (end - start) * share / settings.temperature_warmup
