"""POA's loss: the intact and the elastic students against the teacher and each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nas_kd.training.poa import terms
from nas_kd.training.poa.published import ResolvedSettings
from nas_kd.training.poa.students import Scored, Students
from nas_kd.training.poa.views import OfViews
from search_spaces import Arch


@dataclass(frozen=True)
class Targets:
    """The teacher's, for each head.

    Attributes:
        views: ``(global view, sample, prototype)``.
        patches: ``(hidden patch, prototype)``; none where nothing is hidden.
    """

    views: list[Tensor]
    patches: list[Tensor]


class Branches(nn.Module):
    """The students with their whole loss as one forward.

    With lambda = ``intact_weight``, averaged over the heads,

        lambda (cross-view of the intact student)
        + (1 - lambda) (cross-view + same-view of the elastic students)
        + ``patch_weight`` (lambda masked patches of the intact + (1 - lambda) of the elastic)
        + ``koleo_weight`` KoLeo of both, summed over the global views.

    Several elastic students are averaged; without any, the intact one has the whole weight. KoLeo
    is the mean of the students'.

    Source: POA, equations 10 and 11, with the terms divided as in the released code.

    Args:
        students: What is trained.
        settings: Weights and switches.
    """

    def __init__(self, students: Students, settings: ResolvedSettings) -> None:
        super().__init__()
        self.students = students
        self._settings = settings

    def forward(
        self,
        views: OfViews,
        masks: Tensor | None,
        archs: Sequence[Arch],
        targets: Targets,
        patch_weight: float,
    ) -> dict[str, Tensor]:
        """``loss``, with its gradient, and its parts before their weights, detached.

        Args:
            views: Images, see `Students`.
            masks: Patches hidden from the students, see `Students`.
            archs: The elastic students of this step.
            targets: The teacher's.
            patch_weight: Of the masked patches at this moment.
        """
        settings = self._settings
        intact = self.students(views, masks, self.students.backbone.space.largest)
        elastic = [self.students(views, masks, arch) for arch in archs]
        parts = {"intact": _over_heads(terms.cross_view, targets.views, intact.views)}
        if elastic and settings.cross_view:
            parts["cross_view"] = _mean(
                _over_heads(terms.cross_view, targets.views, student.views) for student in elastic
            )
        if elastic and settings.same_view:
            parts["same_view"] = _mean(
                _over_heads(terms.same_view, intact.views, student.views) for student in elastic
            )
        if masks is not None:
            parts["patches_intact"] = _patches(targets, intact, masks)
            if elastic:
                parts["patches_elastic"] = _mean(_patches(targets, s, masks) for s in elastic)
        if settings.koleo_weight:
            parts["koleo"] = _mean(_spread(student.pooled) for student in (intact, *elastic))
        weights = self._weights(bool(elastic), patch_weight)
        loss = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        return {"loss": loss, **{name: part.detach() for name, part in parts.items()}}

    def _weights(self, has_elastic: bool, patch_weight: float) -> dict[str, float]:
        intact = self._settings.intact_weight if has_elastic else 1.0
        return {
            "intact": intact,
            "cross_view": 1 - intact,
            "same_view": 1 - intact,
            "patches_intact": patch_weight * intact,
            "patches_elastic": patch_weight * (1 - intact),
            "koleo": self._settings.koleo_weight,
        }


def _over_heads(
    term: Callable[[Any, OfViews], Tensor], targets: Sequence[Any], scores: list[OfViews]
) -> Tensor:
    return _mean(term(target, score) for target, score in zip(targets, scores, strict=True))


def _patches(targets: Targets, student: Scored, masks: Tensor) -> Tensor:
    hidden = masks.sum(1, keepdim=True).clamp(min=1).expand_as(masks)  # image, patch
    weights = 1 / hidden[masks]
    return _mean(
        terms.masked_patches(target, scores, weights, len(masks))
        for target, scores in zip(targets.patches, student.patches, strict=True)
    )


def _spread(pooled: Tensor) -> Tensor:
    return torch.stack([terms.spread(view) for view in pooled]).sum()


def _mean(parts: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(parts)).mean()
