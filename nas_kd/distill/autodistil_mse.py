"""AutoDistil's loss as it was released: squared differences of relation scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from nas_kd.distill._autodistil import AutoDistil
from nas_kd.distill._relations import mean_square


@dataclass(frozen=True)
class AutoDistilMSE(AutoDistil):
    """Mean squared difference of the scores themselves, without a softmax."""

    name: ClassVar[str] = "autodistil_mse"
    source: ClassVar[str] = "Xu et al., AutoDistil, NeurIPS 2022, as in microsoft/autodistil"
    deviation: ClassVar[str] = (
        "the mean is over pairs of real tokens of each sequence, then over the batch; released: "
        "over all pairs, padding included"
    )

    def distance(self, student: Tensor, teacher: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
        return mean_square(student, teacher, keys, mask)
