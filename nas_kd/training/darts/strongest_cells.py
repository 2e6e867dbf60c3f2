"""The strongest cells that cost no more than is allowed: a multiple-choice knapsack.

What is chosen of each edge, or of all edges into a node that keeps some of them, is one item of a
group; a front of cost against strength is joined with those of the other groups in turn. Exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from itertools import chain, combinations
from typing import NamedTuple

import torch
from torch import Tensor

from search_spaces.supernets import CellKind, Mixture


class _Choice(NamedTuple):
    cost: float
    strength: float
    picks: tuple[tuple[str, int, int], ...] = ()
    """Kind of cell, edge and operation."""


_Front = list[_Choice]
"""Choices, each of which costs more than the one before and is stronger."""


def strongest_within(
    mixture: Mixture,
    kinds: Mapping[str, CellKind],
    table: Mapping[str, Tensor],
    allowed: float,
) -> Mixture | None:
    """A mixture in which nothing but the strongest cells within the limit counts.

    Cells are as strong as the weights of their operations together, each times that of its edge
    where edges compete. Without a limit these are the cells that are decoded anyway: the strongest
    operation of every edge, and of a node's edges the strongest.

    Args:
        mixture: Says how strong operations are.
        kinds: What there is to choose.
        table: Kind of cell to what each choice costs, ``(edge, operation)``.
        allowed: What the cells may cost together.

    Returns:
        None where no cells cost so little.
    """
    groups = [
        group
        for kind, choices in kinds.items()
        for group in _groups(kind, choices, _strengths(mixture, kind), table[kind].tolist())
    ]
    affordable = [choice for choice in _joined(groups) if choice.cost <= allowed]
    if not affordable:
        return None
    found = {kind: torch.zeros_like(weights) for kind, weights in mixture.operations.items()}
    for kind, edge, operation in affordable[-1].picks:
        found[kind][edge, operation] = 1.0
    return Mixture(found)


def _strengths(mixture: Mixture, kind: str) -> list[list[float]]:
    """The weights ``(edge, operation)``."""
    weights = mixture.operations[kind]
    if mixture.edges is not None:
        weights = weights * mixture.edges[kind][:, None]
    rows: list[list[float]] = weights.tolist()
    return rows


def _groups(
    kind: str, choices: CellKind, strengths: list[list[float]], costs: list[list[float]]
) -> list[_Front]:
    """What can be chosen of every edge, or of every node that keeps some of its edges."""
    edges = [
        _front(
            _Choice(costs[edge][operation], strengths[edge][operation], ((kind, edge, operation),))
            for operation in range(choices.first_decoded, len(choices.operations))
        )
        for edge in range(len(choices.edges))
    ]
    kept = choices.inputs
    if kept is None:
        return edges
    return [
        _front(
            chain.from_iterable(
                _joined([edges[edge] for edge in some]) for some in combinations(incoming, kept)
            )
        )
        for incoming in choices.incoming
    ]


def _joined(groups: Iterable[_Front]) -> _Front:
    """One choice out of every group."""
    return reduce(_both, groups, [_Choice(0.0, 0.0)])


def _both(front: _Front, other: _Front) -> _Front:
    return _front(
        _Choice(one.cost + two.cost, one.strength + two.strength, one.picks + two.picks)
        for one in front
        for two in other
    )


def _front(choices: Iterable[_Choice]) -> _Front:
    """Those that are stronger than all that cost no more."""
    front: _Front = []
    for choice in sorted(choices, key=lambda one: (one.cost, -one.strength)):
        if not front or choice.strength > front[-1].strength:
            front.append(choice)
    return front
