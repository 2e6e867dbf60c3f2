"""What a training minimises: the labels' cross-entropy and the weighted distillers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from nas_kd.distill import Outputs, create_distiller
from nas_kd.errors import UsageError
from nas_kd.training.settings import TrainingSettings

CROSS_ENTROPY = "cross_entropy"
_AUXILIARY = "auxiliary"


class Objective:
    """``ce_weight`` times the cross-entropy plus each distiller times its weight.

    Where there is an auxiliary head, ``auxiliary_weight`` times its cross-entropy is added.

    Args:
        distillers: Names, with settings of their own (`create_distiller`), to weights; a weight of
            zero leaves the distiller out.
        settings: The other weights, ``label_smoothing`` and ``temperature`` are read.

    Raises:
        UsageError: A name is unknown or stands twice in it, a weight is negative, or nothing has
            any weight.
    """

    def __init__(self, distillers: Mapping[str, float], settings: TrainingSettings) -> None:
        self._settings = settings
        self.weights = {name: float(weight) for name, weight in distillers.items() if weight != 0}
        self._distillers = {
            name: create_distiller(name, temperature=settings.temperature) for name in self.weights
        }
        for name, weight in self.weights.items():
            if not 0 < weight < float("inf"):
                raise UsageError(
                    f"training: the distiller {name} weighs {weight}; give a number above zero."
                )
        names = [distiller.name for distiller in self._distillers.values()]
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise UsageError(
                f"training: the distiller {', '.join(twice)} stands in it twice; keep one."
            )
        if not self.weights and settings.ce_weight == 0:
            raise UsageError(
                "training: there is nothing to learn from: ce_weight is 0 and there are no "
                "distillers. Set ce_weight, or give a distiller such as kd."
            )

    @property
    def needs(self) -> frozenset[str]:
        """What the distillers read of the networks."""
        return frozenset().union(*(distiller.needs for distiller in self._distillers.values()))

    def __call__(
        self,
        student: Outputs,
        teacher: Outputs | None,
        targets: Tensor,
        auxiliary: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and its parts by name, detached and before their weights, with ``loss``.

        Args:
            student: Of the batch.
            teacher: Of the batch, if there is one.
            targets: ``(B,)``
            auxiliary: Logits of the student's auxiliary head, ``(B, class)``.
        """
        labels = self._of_labels(student.logits, targets)
        parts = {CROSS_ENTROPY: labels.detach()}
        loss = self._settings.ce_weight * labels
        if auxiliary is not None:
            early = self._of_labels(auxiliary, targets)
            parts[_AUXILIARY] = early.detach()
            loss = loss + self._settings.auxiliary_weight * early
        if teacher is not None:
            for name, distiller in self._distillers.items():
                for part, value in distiller(student, teacher, targets).items():
                    loss = loss + self.weights[name] * value
                    parts[part] = value.detach()
        parts["loss"] = loss.detach()
        return loss, parts

    def _of_labels(self, logits: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(
            logits.float(), targets, label_smoothing=self._settings.label_smoothing
        )


def not_finite(parts: Mapping[str, float]) -> list[str]:
    """Names of the parts that are NaN or infinite."""
    return [name for name, value in parts.items() if not torch.isfinite(torch.tensor(value))]
