"""Which blocks of a stage survive when it is made shallower."""

from __future__ import annotations


def spread_blocks(depth: int, of: int) -> list[int]:
    """``depth`` of the blocks 0 to ``of`` - 1, evenly spread: floor(j (of - 1) / (depth - 1)).

    The first and the last block are always among them; a single one is the first. The rule is
    computed in integers: floating point errs for some sizes (31 of 46, 23 of 31).

    Source: POA (Chen et al., ECCV 2024, arXiv 2408.01031), equation 4.
    """
    if depth == 1:
        return [0]
    return [j * (of - 1) // (depth - 1) for j in range(depth)]


def spread_pairs(depth: int, of: int) -> list[int]:
    """The same for blocks that come in pairs, plain and shifted: each keeps its parity.

    Pairs are spread by `spread_blocks` and kept whole; an odd ``depth`` drops the second block of
    the last pair. So block j of the result is of the parity of j, as Swin's alternation of windows
    asks for. Deviation from POA, whose rule mixes the parities at all depths but the full one.
    """
    whole = depth + depth % 2
    pairs = spread_blocks(whole // 2, (of + depth % 2) // 2)
    return [2 * pair + member for pair in pairs for member in (0, 1)][:depth]
