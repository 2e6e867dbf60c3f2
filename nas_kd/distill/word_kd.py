"""Knowledge distillation of a language model, token by token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from nas_kd.distill._relations import mean_of_tokens
from nas_kd.distill.distiller import Distiller
from nas_kd.distill.outputs import Outputs
from nas_kd.errors import UsageError


@dataclass(frozen=True)
class WordDistillation(Distiller):
    """The KL divergence from the teacher's to the student's distribution over the vocabulary.

    Of every token: of a decoder the distribution of the next one, of a masked language model that
    of the token itself. Mean over the real tokens of each sequence, then over the batch.
    """

    name: ClassVar[str] = "word_kd"
    needs: ClassVar[frozenset[str]] = frozenset({"states", "token_logits"})
    source: ClassVar[str] = (
        "Kim and Rush, EMNLP 2016, arXiv 1606.07947, section 3.1 (word-level distillation)"
    )
    deviation: ClassVar[str] = (
        "the divergence in place of the cross-entropy, which differs from it by the teacher's "
        "entropy; sequences count alike, however long"
    )

    def parts(self, student: Outputs, teacher: Outputs, targets: Tensor) -> dict[str, Tensor]:
        own, taught = _logits(student), _logits(teacher)
        if own.shape[-1] != taught.shape[-1]:
            raise UsageError(
                f"distillers: {self.name} compares vocabularies, and the student's has "
                f"{own.shape[-1]} tokens, the teacher's {taught.shape[-1]}. Take a teacher with "
                "the student's tokenizer."
            )
        divergence = F.kl_div(
            own.log_softmax(-1), taught.log_softmax(-1), reduction="none", log_target=True
        )  # batch, token, vocabulary
        mask = teacher.token_states().mask
        return {self.name: mean_of_tokens(divergence.sum(-1), mask)}


def _logits(outputs: Outputs) -> Tensor:
    logits = outputs.token_states().logits
    assert logits is not None  # `needs` says so
    return logits
