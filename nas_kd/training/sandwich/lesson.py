"""What the networks of a supernet learn in one step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas_kd.distill.kd import LogitDistillation
from nas_kd.distill.outputs import Outputs
from nas_kd.training.sandwich.settings import SandwichSettings
from search_spaces import Arch

if TYPE_CHECKING:
    from search_spaces.supernets.elastic import ElasticSupernet


class Lesson(nn.Module):
    """The supernet with the whole loss of a step as one forward.

    The first arch learns from labels and teacher,

        ``label_weight`` CE(labels) + ``teacher_weight`` KD(teacher),

    each further one from the first (``learn_from`` = largest), by KD with its detached logits, or
    just as the first does (``learn_from`` = teacher). The losses of all archs are added.

    Source: the sandwich rule and in-place distillation, Yu and Huang, US-Nets, ICCV 2019 (arXiv
    1903.05134); labels and teacher for all as in Once-for-All (Cai et al., ICLR 2020, arXiv
    1908.09791).
    """

    def __init__(self, supernet: ElasticSupernet, settings: SandwichSettings) -> None:
        super().__init__()
        self.supernet = supernet
        self._settings = settings
        self._distillation = LogitDistillation(settings.temperature)

    def forward(
        self, images: Tensor, labels: Tensor, archs: Sequence[Arch], teacher: Tensor | None
    ) -> dict[str, Tensor]:
        """``loss``, with its gradient, and its parts before their weights, detached.

        Args:
            images: ``(sample, C, H, W)``.
            labels: ``(sample,)``.
            archs: Who learns in this step.
            teacher: The teacher's logits, ``(sample, class)``.
        """
        first, *others = (self.supernet(images, arch).float() for arch in archs)
        parts = self._from_outside(first, labels, teacher)
        loss = self._weighted(parts)
        if others:
            losses = [self._of_other(one, first, labels, teacher) for one in others]
            parts["others"] = torch.stack(losses).sum()
            loss = loss + parts["others"]
        return {"loss": loss, **{name: part.detach() for name, part in parts.items()}}

    def _of_other(
        self, logits: Tensor, first: Tensor, labels: Tensor, teacher: Tensor | None
    ) -> Tensor:
        if self._settings.learn_from == "largest":
            return self._soft(logits, first, labels)
        return self._weighted(self._from_outside(logits, labels, teacher))

    def _from_outside(
        self, logits: Tensor, labels: Tensor, teacher: Tensor | None
    ) -> dict[str, Tensor]:
        """The terms of labels and teacher."""
        smoothing = self._settings.label_smoothing
        parts = {"labels": F.cross_entropy(logits, labels, label_smoothing=smoothing)}
        if teacher is not None and self._settings.teacher_weight:
            parts["teacher"] = self._from_teacher(logits, teacher, labels)
        return parts

    def _weighted(self, parts: Mapping[str, Tensor]) -> Tensor:
        weights = {
            "labels": self._settings.label_weight,
            "teacher": self._settings.teacher_weight,
        }
        return torch.stack([weights[name] * part for name, part in parts.items()]).sum()

    def _from_teacher(self, logits: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
        if self._settings.teacher_targets == "hard":
            return F.cross_entropy(logits, teacher.argmax(1))
        return self._soft(logits, teacher, labels)

    def _soft(self, logits: Tensor, source: Tensor, labels: Tensor) -> Tensor:
        (loss,) = self._distillation(Outputs(logits), Outputs(source), labels).values()
        return loss
