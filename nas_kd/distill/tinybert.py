"""TinyBERT: hidden states and attention scores of all layers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from nas_kd.distill._checks import heads_of, heads_of_shape, require_equal_heads
from nas_kd.distill._relations import looked_at, mean_square
from nas_kd.distill.distiller import Distiller
from nas_kd.distill.last_hidden import hidden_distance
from nas_kd.distill.outputs import Outputs
from search_spaces.language_models import TransformerShape


@dataclass(frozen=True)
class TinyBERT(Distiller):
    """Squared differences of attention scores before the softmax and of fitted hidden states.

    Layer m of M of the student learns from layer ceil(m L / M) of L of the teacher, the
    embeddings' output from the embeddings' output; each term is summed over the layers. One map W
    fits the hidden states of all layers. Student and teacher have as many heads.
    """

    name: ClassVar[str] = "tinybert"
    needs: ClassVar[frozenset[str]] = frozenset({"states"})
    source: ClassVar[str] = "Jiao et al., TinyBERT, Findings of EMNLP 2020, equations 7 to 9"
    deviation: ClassVar[str] = (
        "padding takes no part; depths that do not divide each other are mapped by rounding up; "
        "W starts as the identity; of decoders, pairs of a token and an earlier one alone"
    )
    fits: ClassVar[bool] = True

    def require_comparable(
        self, students: Collection[TransformerShape], teacher: TransformerShape
    ) -> None:
        require_equal_heads(self.name, map(heads_of_shape, students), heads_of_shape(teacher))

    def parts(self, student: Outputs, teacher: Outputs, targets: Tensor) -> dict[str, Tensor]:
        s, t = student.token_states(), teacher.token_states()
        require_equal_heads(self.name, [heads_of(s)], heads_of(t))
        layers = taught_by(len(s.queries), len(t.queries))
        attention = [
            mean_square(
                s.attention_scores(m),
                t.attention_scores(taught - 1),
                looked_at(t),
                t.mask,
            )
            for m, taught in enumerate(layers)
        ]
        hidden = [
            hidden_distance(student, t.hidden[taught], m, t.mask)
            for m, taught in enumerate([0, *layers])
        ]
        return {
            f"{self.name}_attention": torch.stack(attention).sum(),
            f"{self.name}_hidden": torch.stack(hidden).sum(),
        }


def taught_by(student_layers: int, teacher_layers: int) -> list[int]:
    """The teacher's layer, counted from 1, for each layer of the student, first to last."""
    return [-(-m * teacher_layers // student_layers) for m in range(1, student_layers + 1)]
