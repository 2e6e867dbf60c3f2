"""What of the teachers' combined voices the student imitates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor
from torch.nn import functional as F

from nas_kd.distill import Outputs
from nas_kd.distill.diswot_mr import relations
from nas_kd.errors import UsageError
from nas_kd.training.teacher_grid.combiner import Vote, sum_of
from nas_kd.training.teacher_grid.provider import Voice

SIGNALS = ("logits", "relations")
_SCALE_OF_RELATIONS = 1e4
"""Distances of relations are that much smaller: at the weight 0.3, usual for logits, they have the
3000 that is usual for them (`RelationDistillation`)."""


class Signal(Protocol):
    """A loss of the student's outputs and the teachers' voices."""

    def __call__(self, student: Outputs, voices: Sequence[Voice], vote: Vote) -> Tensor:
        """A scalar; the voices carry no gradient."""
        ...


@dataclass(frozen=True)
class LogitSignal:
    """tau^2 KL(vote || softmax(z / tau)), summed over classes and averaged over the batch.

    A hard vote has no temperature: its tau is 1.
    """

    temperature: float

    def __call__(self, student: Outputs, voices: Sequence[Voice], vote: Vote) -> Tensor:
        temperature = 1.0 if vote.kind == "hard" else self.temperature
        target = vote.probabilities(voices, temperature)
        log_student = F.log_softmax(student.logits / temperature, dim=1)
        return temperature**2 * F.kl_div(log_student, target, reduction="batchmean")


@dataclass(frozen=True)
class RelationSignal:
    """1e4 times the squared distance of the student's Gram matrix from the teachers' mean, over
    batch^2: so it takes the weight that `LogitSignal` takes.

    Gram matrices are those of the last maps, with unit rows (`RelationDistillation`).
    """

    def __call__(self, student: Outputs, voices: Sequence[Voice], vote: Vote) -> Tensor:
        grams = [relations(voice.outputs.features[-1]) for voice in voices]
        difference = relations(student.features[-1]) - sum_of(vote.shares(voices), grams)
        return _SCALE_OF_RELATIONS * difference.square().sum() / len(difference) ** 2


def make_signal(name: str, vote: Vote, temperature: float) -> Signal:
    """The signal called ``name``.

    Raises:
        UsageError: There is none, or it cannot be voted on in that way.
    """
    if name not in SIGNALS:
        raise UsageError(f"teachers: signal is {name!r}; choose one of {', '.join(SIGNALS)}.")
    if name == "logits":
        return LogitSignal(temperature)
    if vote.kind == "hard":
        raise UsageError("teachers: relations are no classes to vote for; set vote to soft.")
    return RelationSignal()
