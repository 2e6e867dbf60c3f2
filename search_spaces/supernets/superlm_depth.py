"""Which of the teacher's layers a shallower student keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

from nas_kd.errors import UsageError

DepthRule = Literal["stride-floor", "keep-last", "first"]


def kept_layers(teacher: int, layers: int, rule: DepthRule) -> tuple[int, ...]:
    """Numbers of the kept layers, from 0, in ascending order.

    ``stride-floor``: floor(i * teacher / layers) for i = 0 ... layers - 1, AutoDistil's; the
    teacher's last layer is never among them but at full depth. ``keep-last``: the same steps
    counted from the end, so that the last layer always is. ``first``: the first ones, as
    AutoTinyBERT takes them.

    Args:
        teacher: Number of the teacher's layers.
        layers: Number of those to keep.
        rule: One of the three.

    Raises:
        UsageError: The rule is unknown, or the student would not be one to ``teacher`` layers deep.
    """
    if rule not in _RULES:
        raise UsageError(
            f"superlm: there is no depth rule {rule!r}; take {', '.join(get_args(DepthRule))}."
        )
    if not 1 <= layers <= teacher:
        raise UsageError(f"superlm: {layers} of {teacher} layers cannot be kept.")
    return tuple(_RULES[rule](index, teacher, layers) for index in range(layers))


def _stride_floor(index: int, teacher: int, layers: int) -> int:
    return index * teacher // layers


def _keep_last(index: int, teacher: int, layers: int) -> int:
    return teacher - 1 - _stride_floor(layers - 1 - index, teacher, layers)


def _first(index: int, teacher: int, layers: int) -> int:
    return index


_RULES: dict[DepthRule, Callable[[int, int, int], int]] = {
    "stride-floor": _stride_floor,
    "keep-last": _keep_last,
    "first": _first,
}
