"""A teacher that was trained before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from nas_kd.distill import Outputs
from nas_kd.training.pretraining.known_teacher import require_its_teacher, teacher_digest
from nas_kd.training.teacher_grid.provider import Batch, Voice
from nas_kd.training.teaching import Teaching


class External:
    """One trained teacher.

    Args:
        teaching: The teacher at work, entered by the caller.
        loss: Its cross-entropy on held-out images.
        weight: How many votes it has beside other teachers.
    """

    def __init__(self, teaching: Teaching, *, loss: float, weight: float = 1.0) -> None:
        self._teaching, self._loss, self._weight = teaching, loss, weight
        self._known = teacher_digest(teaching.teacher.model)

    def voices(self, batch: Batch, student: Outputs) -> list[Voice]:
        outputs = self._teaching.outputs(batch.images, batch.indices)
        return [Voice(outputs, self._loss, self._weight)]

    def after_step(self, batch: Batch, student: Outputs, validation_loss: Tensor) -> None:
        """It does not change."""

    def state(self) -> dict[str, Any]:
        """Which weights it has: they do not change."""
        return dict(self._known)

    def load(self, state: Mapping[str, Any]) -> None:
        """See `Provider.load`.

        Raises:
            UsageError: It has other weights than that of the state.
        """
        require_its_teacher(state, self._known, self._teaching.teacher.source)
