"""How many multiply-accumulates an operator that nobody counts can hold at the most."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

Shape = Sequence[int]


def product_bound(inputs: Iterable[Shape | None], outputs: Iterable[Shape | None]) -> int | None:
    """The bound for one call: output elements times the elements of the second largest input.

    It holds for every operator that is linear in its input, or in each of its two largest ones,
    and uses no element more than once for an element of the result: products of matrices,
    convolutions, Fourier transforms, distances. It is generous; an operator whose bound is a small
    share of a model can be forgotten, and one whose bound is large may still be cheap.

    Args:
        inputs: Shapes of the tensors that go in; None for one of unknown shape.
        outputs: Shapes of the tensors that come out.

    Returns:
        The bound, or None where a shape is unknown.
    """
    taken, given = list(inputs), list(outputs)
    if None in taken or None in given:
        return None
    sizes = sorted((math.prod(shape) for shape in taken if shape is not None), reverse=True)
    inner = sizes[:2][-1] if sizes else 0
    return inner * sum(math.prod(shape) for shape in given if shape is not None)
