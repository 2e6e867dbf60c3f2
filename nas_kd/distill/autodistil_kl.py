"""AutoDistil's loss as the paper has it: MiniLM v2's relations for networks of any width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from nas_kd.distill._autodistil import AutoDistil
from nas_kd.distill._relations import mean_divergence


@dataclass(frozen=True)
class AutoDistilKL(AutoDistil):
    """KL divergence from the teacher's to the student's softmax of the scores."""

    name: ClassVar[str] = "autodistil_kl"
    source: ClassVar[str] = "Xu et al., AutoDistil, NeurIPS 2022; MiniLMv2's relations"
    deviation: ClassVar[str] = (
        "padding takes no part; widths that the relation heads do not divide lose their last "
        "columns, as in the released code"
    )

    def distance(self, student: Tensor, teacher: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
        return mean_divergence(student, teacher, keys, mask)
