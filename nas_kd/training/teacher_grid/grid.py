"""A point on the grid of self-distillation: provider, combiner, signal, applied-to, schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from nas_kd.distill import Outputs
from nas_kd.errors import UsageError
from nas_kd.training.teacher_grid.combiner import Vote
from nas_kd.training.teacher_grid.provider import Batch, Provider
from nas_kd.training.teacher_grid.schedule import Schedule
from nas_kd.training.teacher_grid.signal import Signal

TARGETS = ("w", "alpha", "both")


@dataclass(frozen=True)
class TeacherGrid:
    """What teachers add to the loss of a student.

    Attributes:
        provider: Where the teachers come from.
        vote: How their voices become one.
        signal: What of it the student imitates.
        schedule: How much it counts when.
        applied_to: Whose steps it is added to: the weights' (``w``), the architecture parameters'
            (``alpha``), or ``both``.
        least: So many teachers have to be there.

    Raises:
        UsageError: ``applied_to`` is something else.
    """

    provider: Provider
    vote: Vote
    signal: Signal
    schedule: Schedule
    applied_to: str = "w"
    least: int = 1

    def __post_init__(self) -> None:
        if self.applied_to not in TARGETS:
            raise UsageError(
                f"teachers: applied_to is {self.applied_to!r}; choose one of {', '.join(TARGETS)}."
            )

    def loss(self, target: str, batch: Batch, student: Outputs, epochs: float) -> Tensor | None:
        """The weighted loss, a scalar; None where teachers have no say, which costs nothing.

        Args:
            target: Whose step this is, ``w`` or ``alpha``.
            batch: What the student has just seen.
            student: What it says of it, with gradients.
            epochs: How many epochs are over.
        """
        weight = self.schedule.at(epochs)
        if weight == 0 or self.applied_to not in (target, "both"):
            return None
        voices = self.provider.voices(batch, student)
        if len(voices) < max(1, self.least):
            return None
        voices = [replace(voice, outputs=voice.outputs.detached().in_float32()) for voice in voices]
        with torch.autocast(student.logits.device.type, enabled=False):
            return weight * self.signal(student.in_float32(), voices, self.vote)

    def after_step(self, batch: Batch, student: Outputs, validation_loss: Tensor) -> None:
        self.provider.after_step(batch, student, validation_loss)

    def state(self) -> dict[str, Any]:
        return self.provider.state()

    def load(self, state: Mapping[str, Any]) -> None:
        self.provider.load(state)
