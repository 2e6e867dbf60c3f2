"""AutoDistil's sub-spaces in the sizes of BERT-base, and scaled to other teachers."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from search_spaces._transformer_space import Choices
from search_spaces.language_models import TransformerShape

BERT_BASE = TransformerShape(
    layers=12, hidden=768, heads=12, key_value_heads=12, head_dim=64, inner=3072
)

BASE = Choices(
    layers=(9, 10, 11, 12), hidden=(544, 576, 608, 640), heads=(9, 10, 11, 12), mlp=(25, 30, 35, 40)
)
SMALL = Choices(
    layers=(9, 10, 11, 12), hidden=(256, 288, 320, 352), heads=(7, 8, 9, 10), mlp=(25, 30, 35, 40)
)
TINY = Choices(
    layers=(4, 5, 6, 7), hidden=(128, 160, 192, 224), heads=(7, 8, 9, 10), mlp=(20, 25, 30, 35)
)
_WHOLE = Choices(
    layers=(3, 6, 9, 12), hidden=(192, 384, 576, 768), heads=(3, 6, 9, 12), mlp=(10, 20, 30, 40)
)
_DEPTHS_OF_TWO = (7, 8, 9, 10, 11, 12)
_PUBLISHED = {
    1: (_WHOLE,),
    2: tuple(Choices(_DEPTHS_OF_TWO, band.hidden, band.heads, band.mlp) for band in (BASE, TINY)),
    3: (BASE, SMALL, TINY),
}
POINTS = 4
"""Sizes per gene, but for the depths of two sub-spaces."""
_HIDDEN_UNIT = 8


def bands(number: int, points: int = POINTS) -> tuple[Choices, ...]:
    """The sub-spaces of a partition for BERT-base, the largest first.

    One, two and three of four sizes per gene are those of the released configurations. All others
    are ours: the range from the smallest choice of ``TINY`` to the largest of ``BASE`` in equal
    parts, each with its ends shared with the neighbours.

    Args:
        number: Of the sub-spaces.
        points: Sizes per gene, at least 2; fewer where two would be the same after rounding.
    """
    if points == POINTS and number in _PUBLISHED:
        return _PUBLISHED[number]
    height = Fraction(1, number)
    return tuple(_part(band * height, height, points) for band in range(number))


def scaled(choices: Choices, teacher: TransformerShape) -> Choices:
    """The same shares of another teacher's sizes as they are of BERT-base's.

    Sizes are rounded to whole layers, whole groups of heads that share keys and values, and
    multiples of 8 channels; those that become equal are one choice.
    """
    group = teacher.heads // teacher.key_value_heads
    return Choices(
        layers=_in_proportion(choices.layers, BERT_BASE.layers, teacher.layers, 1),
        hidden=_in_proportion(choices.hidden, BERT_BASE.hidden, teacher.hidden, _HIDDEN_UNIT),
        heads=_in_proportion(choices.heads, BERT_BASE.heads, teacher.heads, group),
        mlp=choices.mlp,
    )


def _part(down: Fraction, height: Fraction, points: int) -> Choices:
    """The choices from the share ``down`` below the top of the range, over the share ``height``."""
    return Choices(
        *(
            _spread(low[0], high[-1], down, height, unit, points)
            for low, high, unit in (
                (TINY.layers, BASE.layers, 1),
                (TINY.hidden, BASE.hidden, _HIDDEN_UNIT),
                (TINY.heads, BASE.heads, 1),
                (TINY.mlp, BASE.mlp, 1),
            )
        )
    )


def _spread(
    low: int, high: int, down: Fraction, height: Fraction, unit: int, points: int
) -> tuple[int, ...]:
    lowest = high - (high - low) * (down + height)
    step = (high - low) * height / (points - 1)
    return tuple(sorted({_rounded(lowest + step * point, unit) for point in range(points)}))


def _in_proportion(sizes: Sequence[int], of: int, teacher: int, unit: int) -> tuple[int, ...]:
    return tuple(sorted({_rounded(Fraction(size * teacher, of), unit) for size in sizes}))


def _rounded(size: Fraction, unit: int) -> int:
    """The nearest multiple of ``unit``, halves upwards, and at least one."""
    return unit * max(1, int(size / unit + Fraction(1, 2)))
