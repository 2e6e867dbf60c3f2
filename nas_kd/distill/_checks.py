"""Checks of what distillers that compare heads one by one are given."""

from __future__ import annotations

from collections.abc import Iterable

from nas_kd.errors import UsageError
from search_spaces.language_models import TransformerShape
from search_spaces.token_states import TokenStates

Heads = tuple[int, int]
"""Heads of the queries, and of the keys and values."""


def require_equal_heads(name: str, students: Iterable[Heads], teacher: Heads) -> None:
    """Raises `UsageError` where a student has other numbers of heads than the teacher."""
    others = sorted({heads for heads in students if heads != teacher})
    if others:
        raise UsageError(
            f"distillers: {name} compares heads one by one, and there are students with "
            f"{', '.join(map(_words, others))} and the teacher has {_words(teacher)}. Keep the "
            "number of heads, or take autodistil_mse, autodistil_kl or minilm_v2."
        )


def heads_of(states: TokenStates) -> Heads:
    """Those of the last layer."""
    return states.queries[-1].shape[1], states.values[-1].shape[1]


def heads_of_shape(shape: TransformerShape) -> Heads:
    """Those of a network of that shape."""
    return shape.heads, shape.key_value_heads


def _words(heads: Heads) -> str:
    queries, values = heads
    return str(queries) if values == queries else f"{queries} (keys and values {values})"
