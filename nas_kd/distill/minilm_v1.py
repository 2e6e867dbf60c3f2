"""MiniLM: self-attention distributions and value relations of the last layer."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from nas_kd.distill._checks import heads_of, heads_of_shape, require_equal_heads
from nas_kd.distill._relations import looked_at, mean_divergence, real_tokens, scores
from nas_kd.distill.distiller import Distiller
from nas_kd.distill.outputs import Outputs
from search_spaces.language_models import TransformerShape


@dataclass(frozen=True)
class MiniLMv1(Distiller):
    """KL of the attention maps plus KL of the value relations, both of the last layers.

    With A = softmax(Q K^T / sqrt(d)) and V R = softmax(V V^T / sqrt(d)), ``(head, token, token)``,
    of teacher (T) and student (S): sum over heads and tokens of KL(A_T || A_S) + KL(VR_T || VR_S),
    over heads times tokens. Student and teacher have as many heads; widths and depths may differ.
    """

    name: ClassVar[str] = "minilm_v1"
    needs: ClassVar[frozenset[str]] = frozenset({"states"})
    source: ClassVar[str] = "Wang et al., MiniLM, NeurIPS 2020, section 3, equations 5 to 8"
    deviation: ClassVar[str] = (
        "padding takes no part, neither as query nor as key; of decoders, tokens look at earlier "
        "ones alone, and heads that share values have one value relation"
    )

    def require_comparable(
        self, students: Collection[TransformerShape], teacher: TransformerShape
    ) -> None:
        require_equal_heads(self.name, map(heads_of_shape, students), heads_of_shape(teacher))

    def parts(self, student: Outputs, teacher: Outputs, targets: Tensor) -> dict[str, Tensor]:
        s, t = student.token_states(), teacher.token_states()
        require_equal_heads(self.name, [heads_of(s)], heads_of(t))
        attention_s, attention_t = (x.attention_scores(-1) for x in (s, t))
        values_s, values_t = (scores(x.values[-1], x.values[-1]) for x in (s, t))
        return {
            f"{self.name}_attention": mean_divergence(
                attention_s, attention_t, looked_at(t), t.mask
            ),
            f"{self.name}_values": mean_divergence(values_s, values_t, real_tokens(t), t.mask),
        }
