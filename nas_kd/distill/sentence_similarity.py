"""Similarities between the sentences of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from nas_kd.distill.distiller import Distiller
from nas_kd.distill.outputs import Outputs


@dataclass(frozen=True)
class SentenceSimilarity(Distiller):
    """Mean squared difference of the cosines between all sentences of a batch.

    With the pooled representations as unit rows E, ``(batch, channel)``: the mean over the pairs of
    two different sentences of (E_s E_s^T - E_t E_t^T)^2. Widths may differ, and no map is needed:
    what a sentence encoder is used for is these cosines. They are of the size of 1, unlike the rows
    of `RelationDistillation`, which are normalised once more.
    """

    name: ClassVar[str] = "sentence_similarity"
    needs: ClassVar[frozenset[str]] = frozenset({"pooled"})
    source: ClassVar[str] = "Tung and Mori, Similarity-Preserving KD, ICCV 2019, on cosines"
    deviation: ClassVar[str] = "cosines instead of Gram matrices with normalised rows"
    ours: ClassVar[bool] = True

    def parts(self, student: Outputs, teacher: Outputs, targets: Tensor) -> dict[str, Tensor]:
        ours, theirs = (cosines(part.classifier_input()) for part in (student, teacher))
        pairs = max(1, len(ours) * (len(ours) - 1))  # the diagonals are ones, whose difference is 0
        return {self.name: (ours - theirs).square().sum() / pairs}


def cosines(pooled: Tensor) -> Tensor:
    """Cosines between the rows of ``(batch, channel)``, ``(batch, batch)``."""
    unit = F.normalize(pooled, dim=1)
    return unit @ unit.T
