"""How the voices of several teachers become one target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from nas_kd.errors import UsageError
from nas_kd.training.teacher_grid.provider import Voice

VOTES = ("soft", "hard", "loss")


@dataclass(frozen=True)
class Vote:
    """The mean of what the teachers say, by their votes.

    Attributes:
        kind: ``soft``: their probabilities are averaged. ``hard``: their shares of votes for each
            class. ``loss``: probabilities, with the votes times exp(-loss), so that a teacher whose
            validation loss is lower counts more.

    Raises:
        UsageError: There is no such vote.
    """

    kind: str = "soft"

    def __post_init__(self) -> None:
        if self.kind not in VOTES:
            raise UsageError(f"teachers: vote is {self.kind!r}; choose one of {', '.join(VOTES)}.")

    def shares(self, voices: Sequence[Voice]) -> list[float]:
        """How much each voice counts; one in all."""
        votes = torch.tensor([voice.weight for voice in voices], dtype=torch.float64)
        if self.kind == "loss":
            losses = torch.tensor([voice.loss for voice in voices], dtype=torch.float64)
            votes = votes * (losses.min() - losses).exp()
        shares: list[float] = (votes / votes.sum()).tolist()
        return shares

    def probabilities(self, voices: Sequence[Voice], temperature: float) -> Tensor:
        """The classes that the teachers vote for, ``(B, class)``, softened by ``temperature``."""
        return sum_of(self.shares(voices), [self._says(voice, temperature) for voice in voices])

    def _says(self, voice: Voice, temperature: float) -> Tensor:
        logits = voice.outputs.logits
        if self.kind == "hard":
            return F.one_hot(logits.argmax(1), logits.shape[1]).to(logits.dtype)
        return (logits / temperature).softmax(1)


def sum_of(shares: Sequence[float], values: Sequence[Tensor]) -> Tensor:
    """The weighted sum of tensors of one shape."""
    terms = [share * value for share, value in zip(shares, values, strict=True)]
    return sum(terms[1:], terms[0])
