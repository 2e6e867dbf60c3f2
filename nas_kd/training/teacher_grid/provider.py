"""Where the teachers of a training come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from nas_kd.distill import Outputs

Run = Callable[[nn.Module, Tensor], Outputs]
"""Runs a past version of the student on images ``(B, C, H, W)``."""


@dataclass(frozen=True)
class Batch:
    """Augmented training images.

    Attributes:
        images: ``(B, C, H, W)``.
        targets: Labels ``(B,)``.
        indices: Which training images they are views of, ``(B,)``, on the CPU.
    """

    images: Tensor
    targets: Tensor
    indices: Tensor


@dataclass(frozen=True)
class Voice:
    """What one teacher says of a batch.

    Attributes:
        outputs: Without gradients.
        loss: The teacher's own loss on images that it was not trained on.
        weight: How many votes it has.
    """

    outputs: Outputs
    loss: float
    weight: float = 1.0


class Provider(Protocol):
    """Gives the voices of the teachers that there are at the moment."""

    def voices(self, batch: Batch, student: Outputs) -> list[Voice]:
        """What each teacher says of the batch; empty while there is no teacher.

        Args:
            batch: What the student has just seen.
            student: What the student says of it.
        """
        ...

    def after_step(self, batch: Batch, student: Outputs, validation_loss: Tensor) -> None:
        """Told after every step of the student, with its loss on held-out images."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything that `load` needs to give the same voices."""
        ...

    def load(self, state: Mapping[str, Any]) -> None: ...
