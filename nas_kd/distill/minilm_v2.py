"""MiniLM v2: relations of queries, of keys and of values, in any number of relation heads."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from nas_kd.distill._qkv_relations import (
    KINDS,
    relation_pairs,
    require_positive,
    require_relations,
)
from nas_kd.distill._relations import mean_divergence, real_tokens
from nas_kd.distill.distiller import Distiller
from nas_kd.distill.outputs import Outputs
from nas_kd.errors import UsageError
from search_spaces.language_models import TransformerShape


@dataclass(frozen=True)
class MiniLMv2(Distiller):
    """KL of the relations QQ, KK and VV between one layer of the teacher and the student's last.

    The vectors of all heads are joined and split into ``relation_heads`` parts of width d, for
    each network by itself. With R = softmax(X X^T / sqrt(d)), ``(relation head, token, token)``:
    sum over relation heads and tokens of KL(R_teacher || R_student), over relation heads times
    tokens, for X = Q, K and V.

    Attributes:
        relation_heads: The paper's A_r, a divisor of both widths; None takes the teacher's heads.
            The paper has 48 for a teacher of BERT's base size and 64 for a large one.
        interleaved: As of `AutoDistil`; the paper's parts have neighbouring channels.
        teacher_layer: Counted from 1; None takes the last. For large teachers an upper middle
            layer is better (21 of 24 for BERT-large).
        queries: Weight of the relation of queries.
        keys: Weight of the relation of keys.
        values: Weight of the relation of values.
    """

    relation_heads: int | None = None
    interleaved: bool = False
    teacher_layer: int | None = None
    queries: float = 1.0
    keys: float = 1.0
    values: float = 1.0

    name: ClassVar[str] = "minilm_v2"
    needs: ClassVar[frozenset[str]] = frozenset({"states"})
    source: ClassVar[str] = "Wang et al., MiniLMv2, Findings of ACL 2021, section 3"
    deviation: ClassVar[str] = "padding takes no part, neither as query nor as key"

    def __post_init__(self) -> None:
        require_positive(self.name, self.relation_heads)
        weights = [getattr(self, kind) for kind in KINDS]
        if min(weights) < 0 or max(weights) == 0:
            raise UsageError(
                f"distillers: {self.name} weighs queries, keys and values by {weights}; give "
                "numbers of at least zero, one of them above it."
            )

    def require_comparable(
        self, students: Collection[TransformerShape], teacher: TransformerShape
    ) -> None:
        require_relations(
            self.name,
            students,
            teacher,
            relation_heads=self.relation_heads,
            drops_rest=False,
            teacher_layer=self.teacher_layer,
            kinds=self._kinds,
        )

    @property
    def _kinds(self) -> list[str]:
        """Those that have any weight."""
        return [kind for kind in KINDS if getattr(self, kind) > 0]

    def parts(self, student: Outputs, teacher: Outputs, targets: Tensor) -> dict[str, Tensor]:
        t = teacher.token_states()
        pairs = relation_pairs(
            self.name,
            student.token_states(),
            t,
            relation_heads=self.relation_heads,
            drops_rest=False,
            interleaved=self.interleaved,
            teacher_layer=self.teacher_layer,
            kinds=self._kinds,
        )
        return {
            f"{self.name}_{kind}": getattr(self, kind)
            * mean_divergence(ours, theirs, real_tokens(t), t.mask)
            for kind, ours, theirs in pairs
        }
