"""A price of the cells that the architecture parameters lean to."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from search_spaces.supernets import Mixture


class ExpectedCost:
    """What a mixture is expected to cost, as a share of its costliest choice; differentiable.

    Exact where a mixture is one-hot. Costs that add up over the edges can be priced: MACs, counted,
    or times that were measured for each operation on a device.

    Args:
        table: Kind of cell to what each choice adds, ``(edge, operation)``.
    """

    def __init__(self, table: Mapping[str, Tensor]) -> None:
        self._table = dict(table)
        largest = sum(float(costs.max(1).values.sum()) for costs in table.values())
        self._largest = largest or 1.0

    def __call__(self, mixture: Mixture) -> Tensor:
        """A scalar in [0, 1]."""
        shares = [
            (weights * self._table[kind].to(weights)).sum() / self._largest
            for kind, weights in mixture.operations.items()
        ]
        return sum(shares[1:], shares[0])

    def penalty(self, mixture: Mixture, limit: float) -> Tensor:
        """By how much the expected cost exceeds ``limit``, a share of the costliest choice."""
        return (self(mixture) - limit).relu()
