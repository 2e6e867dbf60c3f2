"""A price of the cells that the architecture parameters lean to."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from search_spaces.supernets import CellKind, Mixture

_TINY = 1e-12


class ExpectedCost:
    """What a mixture is expected to cost, as a share of the costliest cells; differentiable.

    Exact where a mixture is one-hot. Costs that add up over the edges can be priced: MACs, counted,
    or times that were measured for each operation on a device.

    An edge costs the mean of the operations that it can be decoded to, by their weights: where
    ``none`` is none of them, what ``none`` weighs makes nothing cheaper. Where a node of a decoded
    cell keeps some of its edges, an edge is charged by how likely it is kept: as its share in those
    weights of all edges into the node, times the edge's own weight where edges compete, times the
    edges kept.

    Args:
        table: Kind of cell to what each choice adds, ``(edge, operation)``.
        kinds: What there is to choose in each.

    Attributes:
        largest: What the costliest cells cost, in the table's unit; 1 where nothing costs anything.
    """

    def __init__(self, table: Mapping[str, Tensor], kinds: Mapping[str, CellKind]) -> None:
        self._table, self._kinds = dict(table), dict(kinds)
        self.largest = sum(_costliest(costs, kinds[kind]) for kind, costs in table.items()) or 1.0

    def __call__(self, mixture: Mixture) -> Tensor:
        """A scalar in [0, 1]."""
        shares = [self._cost(kind, mixture) / self.largest for kind in mixture.operations]
        return sum(shares[1:], shares[0])

    def penalty(self, mixture: Mixture, limit: float) -> Tensor:
        """By how much the expected cost exceeds ``limit``, a share of the costliest choice."""
        return (self(mixture) - limit).relu()

    def _cost(self, kind: str, mixture: Mixture) -> Tensor:
        choices = self._kinds[kind]
        weights = mixture.operations[kind][:, choices.first_decoded :]
        costs = self._table[kind][:, choices.first_decoded :].to(weights)
        counted = weights.sum(1)  # (edge,)
        mean = (weights * costs).sum(1) / counted.clamp_min(_TINY)
        cost = mean.where(counted > _TINY, 0.0)  # (edge,), if it is kept; 0 where none was drawn
        if choices.inputs is None:
            return cost.sum()
        strength = counted if mixture.edges is None else counted * mixture.edges[kind]
        parts = [
            (choices.inputs * strength[edges] / strength[edges].sum().clamp_min(_TINY)).clamp(max=1)
            @ cost[edges]
            for edges in choices.incoming
        ]
        return sum(parts[1:], parts[0])


def _costliest(costs: Tensor, choices: CellKind) -> float:
    """What the costliest cell of a kind costs, of a table ``(edge, operation)``."""
    most = costs[:, choices.first_decoded :].max(1).values
    if choices.inputs is None:
        return float(most.sum())
    return sum(float(most[edges].topk(choices.inputs).values.sum()) for edges in choices.incoming)
