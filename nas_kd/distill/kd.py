"""Knowledge distillation from softened logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from nas_kd.distill.distiller import Distiller
from nas_kd.distill.outputs import Outputs
from nas_kd.errors import UsageError


@dataclass(frozen=True)
class LogitDistillation(Distiller):
    """T^2 times the KL divergence from the teacher's to the student's softened probabilities.

    With p = softmax(z / T), ``(batch, class)``: sum over classes of p_teacher
    (log p_teacher - log p_student), averaged over the batch. The factor T^2 keeps the size of the
    gradient when the temperature changes.

    The default weight is for a cross-entropy that weighs 0.1, the recipe of DisWOT's experiments
    (T = 4).

    Attributes:
        temperature: T, above zero.
    """

    temperature: float = 4.0

    name: ClassVar[str] = "kd"
    needs: ClassVar[frozenset[str]] = frozenset({"logits"})
    source: ClassVar[str] = "Hinton, Vinyals and Dean 2015, arXiv 1503.02531, section 2"
    default_weight: ClassVar[float] = 0.9

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise UsageError(
                f"distillers: kd has temperature {self.temperature}; give a number above zero, "
                "usually 1 to 10."
            )

    def parts(self, student: Outputs, teacher: Outputs, targets: Tensor) -> dict[str, Tensor]:
        log_student = F.log_softmax(student.logits / self.temperature, dim=1)
        log_teacher = F.log_softmax(teacher.logits / self.temperature, dim=1)
        divergence = F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
        return {self.name: self.temperature**2 * divergence}
