"""A finalist that was distilled and delivered, and whether it was its own fault if it was not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nas_kd.errors import ExportError, NasKdError, NotFiniteError
from studies.delivery import Delivered
from studies.finalists import Measured


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


def is_of_the_student(error: NasKdError) -> bool:
    """Whether the student itself failed, so that another one may do: no disk that is full, say."""
    failed = isinstance(error, NotFiniteError | ExportError)
    return failed and not isinstance(error.__cause__, OSError)
