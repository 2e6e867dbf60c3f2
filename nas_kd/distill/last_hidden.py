"""The last hidden states, through a learned linear map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from nas_kd.distill._relations import mean_of_tokens
from nas_kd.distill.distiller import Distiller
from nas_kd.distill.outputs import Outputs


@dataclass(frozen=True)
class LastHidden(Distiller):
    """Mean squared difference of W h_student and h_teacher, the outputs of the last layers.

    Mean over the width and the real tokens of each sequence, then over the batch.
    """

    name: ClassVar[str] = "last_hidden"
    needs: ClassVar[frozenset[str]] = frozenset({"states"})
    source: ClassVar[str] = (
        "AutoDistil's hidden-state term, weight 0 as released (microsoft/autodistil); "
        "AutoTinyBERT, Yin et al., ACL 2021"
    )
    deviation: ClassVar[str] = "W starts as the identity; padding takes no part"
    fits: ClassVar[bool] = True

    def parts(self, student: Outputs, teacher: Outputs, targets: Tensor) -> dict[str, Tensor]:
        t = teacher.token_states()
        return {self.name: hidden_distance(student, t.hidden[-1], -1, t.mask)}


def hidden_distance(student: Outputs, teacher: Tensor, layer: int, mask: Tensor) -> Tensor:
    """Mean squared difference of a fitted hidden state and the teacher's, without padding.

    Args:
        student: Outputs of the student.
        teacher: Hidden state ``(batch, token, width)``.
        layer: Of the student's hidden states.
        mask: Real tokens ``(batch, token)``.
    """
    fitted = student.fitted_hidden(layer, teacher.shape[-1])
    return mean_of_tokens((fitted - teacher).square().mean(-1), mask)
