"""DisWOT's relation distance M_r as a training loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from nas_kd.distill.distiller import Distiller
from nas_kd.distill.outputs import Outputs


@dataclass(frozen=True)
class RelationDistillation(Distiller):
    """Distance of the row-normalised batch Gram matrices of the last feature maps.

    With G = F F^T, ``(batch, batch)``, for maps flattened to ``(batch, everything else)`` and each
    row of G divided by its norm: the sum of squared differences over batch^2. The two maps may
    differ in every size but the batch.

    Rows are unit vectors, so the loss is (2 / batch) (1 - mean cosine of the rows): small, and the
    smaller the larger the batch. Hence the weight of some thousands that is usual.
    """

    name: ClassVar[str] = "diswot_mr"
    needs: ClassVar[frozenset[str]] = frozenset({"features"})
    source: ClassVar[str] = (
        "Tung and Mori, Similarity-Preserving KD, ICCV 2019, equations 1 to 4; "
        "M_r of DisWOT, Dong, Li and Wei, CVPR 2023"
    )
    default_weight: ClassVar[float] = 3000.0

    def parts(self, student: Outputs, teacher: Outputs, targets: Tensor) -> dict[str, Tensor]:
        difference = relations(student.features[-1]) - relations(teacher.features[-1])
        return {self.name: difference.square().sum() / len(difference) ** 2}


def relations(features: Tensor) -> Tensor:
    """Gram matrix of the images of a batch with unit rows, ``(batch, batch)``."""
    flat = features.flatten(1)  # batch, everything else
    return F.normalize(flat @ flat.T, dim=1)
