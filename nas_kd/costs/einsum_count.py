"""Multiply-accumulates of a sum of products in Einstein's notation, as PyTorch carries it out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

Sizes = Mapping[str, int]
"""Size by index, without indices of size one: those multiply nothing."""


def einsum_macs(
    equation: str, shapes: Sequence[Sequence[int]], path: Sequence[int] | None = None
) -> int:
    """Operands are contracted in pairs; a pair costs the sizes of all its indices, multiplied.

    Indices summed away within one operand do not multiply. A pair that shares no summed index is
    an element-wise product: it accumulates nothing and counts 0, and so does a single operand.

    Args:
        equation: As for ``torch.einsum``, with or without ``->`` and ``...``.
        shapes: The operands' shapes.
        path: Positions of each pair in turn, flattened, among the operands that are left; results
            go to the end. Without it the first two are contracted again and again.
    """
    terms, result = _parse(equation, shapes)
    operands = [
        {name: size for name, size in zip(term, shape, strict=True) if size != 1}
        for term, shape in zip(terms, shapes, strict=True)
    ]
    macs, pairs = 0, list(path or ())
    while len(operands) > 1:
        first, second = sorted(pairs[:2]) if pairs else (0, 1)
        right, left = operands.pop(second), operands.pop(first)
        wanted = set(result).union(*operands)
        count, product = _contract(left, right, wanted)
        macs += count
        operands.insert(len(operands) if pairs else 0, product)
        pairs = pairs[2:]
    return macs


def _contract(left: Sizes, right: Sizes, wanted: set[str]) -> tuple[int, dict[str, int]]:
    """The count of one product, and the sizes of what remains of it."""
    shared = left.keys() & right.keys()
    sizes = {n: s for n, s in {**left, **right}.items() if n in shared or n in wanted}
    product = {name: size for name, size in sizes.items() if name in wanted}
    return (math.prod(sizes.values()) if shared - wanted else 0), product


def _parse(equation: str, shapes: Sequence[Sequence[int]]) -> tuple[list[list[str]], list[str]]:
    """Index names by operand and of the result; those hidden in ``...`` count from the right."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    texts = left.split(",")
    terms = [_names(text, len(shape)) for text, shape in zip(texts, shapes, strict=True)]
    hidden = {name for term in terms for name in term if len(name) > 1}
    if arrow:
        letters = [letter for letter in right if letter.isalpha()]
        return terms, [*letters, *(hidden if "..." in right else ())]
    uses = Counter(letter for letter in left if letter.isalpha())
    return terms, [*hidden, *(letter for letter, times in uses.items() if times == 1)]


def _names(term: str, dimensions: int) -> list[str]:
    before, dots, after = term.partition("...")
    hidden = dimensions - len(before) - len(after) if dots else 0
    return [*before, *(f"...{hidden - position}" for position in range(hidden)), *after]
