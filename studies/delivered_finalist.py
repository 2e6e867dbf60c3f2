"""A finalist that was distilled and delivered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from studies.delivery import Delivered
from studies.measured import Measured


@dataclass(frozen=True)
class DeliveredFinalist:
    """A distilled and delivered finalist.

    Attributes:
        winner: Which of the candidates.
        delivered: Its files.
        accuracies: ``accuracy``, ``accuracy_without_teacher`` and their like, shares in [0, 1].
        inherited_share: Of its parameters that began with the teacher's values.
        latency_violation: Of the delivered file (`studies.beside_teacher.latency_violation`).
    """

    winner: Measured
    delivered: Delivered
    accuracies: Mapping[str, float | None]
    inherited_share: float
    latency_violation: float

    @property
    def in_time(self) -> bool:
        return self.latency_violation <= 0
