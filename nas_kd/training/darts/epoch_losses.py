"""The losses of an epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping

from accelerate import Accelerator
from torch import Tensor

from nas_kd.errors import NasKdError
from nas_kd.training.darts.settings import SearchSettings
from nas_kd.training.processes import means


class EpochLosses:
    """Means of losses, each over the steps that had it: teachers may come within an epoch."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._steps: dict[str, int] = {}

    def add(self, parts: Mapping[str, Tensor]) -> None:
        """The losses of a step, scalars by name."""
        for name, part in parts.items():
            self._sums[name] = self._sums[name] + part if name in self._sums else part
            self._steps[name] = self._steps.get(name, 0) + 1

    def means(self, accelerator: Accelerator) -> dict[str, float]:
        """Over the steps, and over the processes, in which the same steps have the same losses."""
        sums = means(self._sums, accelerator)
        return {name: value / self._steps[name] for name, value in sums.items()}


def require_finite(losses: Mapping[str, float], epoch: int, settings: SearchSettings) -> None:
    """Raises `NasKdError` where the mean of a loss is no number."""
    if lost := [name for name, value in losses.items() if not math.isfinite(value)]:
        raise NasKdError(
            f"darts: {', '.join(lost)} is no longer finite in epoch {epoch}. Lower learning_rate "
            f"({settings.learning_rate}), alpha_learning_rate or teacher_weight, or train in full "
            "precision."
        )
