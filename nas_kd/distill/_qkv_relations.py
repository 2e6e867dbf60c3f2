"""Relations of queries, of keys and of values of one layer of each network."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence

from torch import Tensor

from nas_kd.distill._relations import regrouped, scores
from nas_kd.errors import UsageError
from search_spaces.language_models import TransformerShape
from search_spaces.token_states import TokenStates

KINDS = ("queries", "keys", "values")


def relation_pairs(
    name: str,
    student: TokenStates,
    teacher: TokenStates,
    *,
    relation_heads: int | None,
    drops_rest: bool,
    interleaved: bool,
    teacher_layer: int | None = None,
    kinds: Sequence[str] = KINDS,
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Each kind with the scores X X^T / sqrt(d) of the student's last layer and of the teacher's.

    Args:
        name: The distiller, for messages.
        student: States of the student.
        teacher: States of the teacher.
        relation_heads: Parts into which the joined heads are split; None: the teacher's heads.
        drops_rest: Whether columns that do not fill the parts are dropped or an error.
        interleaved: How the parts are made, see `regrouped`.
        teacher_layer: Counted from 1; None takes the last.
        kinds: Of `KINDS`, those that are wanted.

    Raises:
        UsageError: A width does not fit ``relation_heads``, or there is no such layer.
    """
    layer = _index(name, teacher_layer, len(teacher.queries))
    parts = relation_heads or teacher.queries[layer].shape[1]
    for kind in kinds:
        pair = getattr(student, kind)[-1], getattr(teacher, kind)[layer]
        _require_fit(name, [heads.shape[1] * heads.shape[3] for heads in pair], parts, drops_rest)
        ours, theirs = (regrouped(heads, parts, interleaved=interleaved) for heads in pair)
        yield kind, scores(ours, ours), scores(theirs, theirs)


def require_relations(
    name: str,
    students: Iterable[TransformerShape],
    teacher: TransformerShape,
    *,
    relation_heads: int | None,
    drops_rest: bool,
    teacher_layer: int | None = None,
    kinds: Sequence[str] = KINDS,
) -> None:
    """Raises what `relation_pairs` would raise for a student of one of these shapes."""
    _index(name, teacher_layer, teacher.layers)
    widths = {
        shape.queries if kind == "queries" else shape.keys
        for shape in (*students, teacher)
        for kind in kinds
    }
    _require_fit(name, widths, relation_heads or teacher.heads, drops_rest)


def require_positive(name: str, relation_heads: int | None) -> None:
    """Raises `UsageError` for a number of relation heads that is not positive."""
    if relation_heads is not None and relation_heads < 1:
        raise UsageError(
            f"distillers: {name} has relation_heads {relation_heads}; give a positive integer."
        )


def _require_fit(name: str, widths: Collection[int], parts: int, drops_rest: bool) -> None:
    if min(widths) < parts:
        raise UsageError(
            f"distillers: {name} splits a width of {min(widths)} into {parts} relation heads; set "
            "relation_heads to at most the width."
        )
    odd = [width for width in sorted(widths) if width % parts]
    if odd and not drops_rest:
        raise UsageError(
            f"distillers: {name} splits queries, keys and values into {parts} relation heads, and "
            f"a width of {', '.join(map(str, odd))} does not divide by that. Set relation_heads to "
            f"{math.gcd(*widths)} or a divisor of it, or take autodistil_kl, which drops what is "
            "left over."
        )


def _index(name: str, layer: int | None, layers: int) -> int:
    """The layer counted from 1, or the last one for None, as an index."""
    if layer is None:
        return layers - 1
    if not 1 <= layer <= layers:
        raise UsageError(
            f"distillers: {name} is to read layer {layer} of the teacher, which has {layers}; "
            f"give teacher_layer from 1 to {layers}."
        )
    return layer - 1
