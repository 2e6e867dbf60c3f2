"""What AutoDistil's two losses share: their relations, for networks of any width."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from nas_kd.distill._qkv_relations import relation_pairs, require_positive, require_relations
from nas_kd.distill._relations import real_tokens
from nas_kd.distill.distiller import Distiller
from nas_kd.distill.outputs import Outputs
from search_spaces.language_models import TransformerShape


@dataclass(frozen=True)
class AutoDistil(Distiller):
    """A distance of the scores X X^T / sqrt(d) of the last layers, for X = Q, K and V.

    The heads are joined, split into ``relation_heads`` parts of width d =
    floor(width / relation_heads), and the columns left over at the end are dropped: student and
    teacher may have any widths.

    Attributes:
        relation_heads: Number of parts; None takes the teacher's heads, 12 for BERT-base as
            released.
        interleaved: Whether each part takes every ``relation_heads``-th channel in place of
            neighbours. Ours, for weights that students of several widths share: the leading
            channels then belong to the same parts in all of them, while parts of neighbours have
            other borders for every number of heads, and each student spoils the others' queries,
            keys and values.
    """

    relation_heads: int | None = None
    interleaved: bool = False

    needs: ClassVar[frozenset[str]] = frozenset({"states"})

    def __post_init__(self) -> None:
        require_positive(self.name, self.relation_heads)

    def require_comparable(
        self, students: Collection[TransformerShape], teacher: TransformerShape
    ) -> None:
        require_relations(
            self.name, students, teacher, relation_heads=self.relation_heads, drops_rest=True
        )

    def parts(self, student: Outputs, teacher: Outputs, targets: Tensor) -> dict[str, Tensor]:
        s, t = student.token_states(), teacher.token_states()
        pairs = relation_pairs(
            self.name,
            s,
            t,
            relation_heads=self.relation_heads,
            drops_rest=True,
            interleaved=self.interleaved,
        )
        return {
            f"{self.name}_{kind}": self.distance(ours, theirs, real_tokens(t), t.mask)
            for kind, ours, theirs in pairs
        }

    @abstractmethod
    def distance(self, student: Tensor, teacher: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
        """Between scores ``(batch, relation head, token, token)``, a scalar."""
