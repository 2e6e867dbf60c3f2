"""A limit on the MACs of the network in which found cells are delivered."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nas_kd.errors import NoFeasibleStudentError
from nas_kd.training.darts.network import CellSupernet
from nas_kd.training.darts.strongest_cells import strongest_within
from nas_kd.training.darts.supernets import delivered_supernet
from search_spaces import Arch
from search_spaces.supernets import Mixture

if TYPE_CHECKING:  # the registry of methods imports this package
    from nas_kd.training.pretraining.method import Job


class MacsLimit:
    """Decodes no cells but those whose delivered network has at most so many MACs.

    Args:
        macs: The limit.
        supernet: That of the search.
        job: Names the space and its options.

    Attributes:
        allowed: What is left of the limit for the operations in the cells.

    Raises:
        NoFeasibleStudentError: Not even the cheapest cells are within it.
    """

    def __init__(self, macs: float, supernet: CellSupernet, job: Job) -> None:
        delivered = delivered_supernet(supernet, job)
        self._supernet, self._table = supernet, delivered.operation_macs()
        cheapness = Mixture({kind: -costs for kind, costs in self._table.items()})
        cheapest = strongest_within(cheapness, supernet.kinds, self._table, math.inf)
        assert cheapest is not None
        arch = supernet.discretise(cheapest)
        least = delivered.space.sizes(arch, delivered.task).macs
        self.allowed = macs - (least - self._cost(arch))
        if macs < least:
            advice = (
                ", or choose fewer channels or cells with --space-option"
                if delivered.space is job.space
                else ": the network that is delivered has the space's own channels and cells"
            )
            raise NoFeasibleStudentError(
                f"macs_limit (--budget): it is {macs:,.0f}, and even the cheapest cells of "
                f"{job.space.name} make a network of {least:,} MACs. Raise it{advice}."
            )

    def discretise(self, mixture: Mixture) -> Arch:
        """The cells that are decoded anyway where they are within the limit, else the strongest
        that are."""
        arch = self._supernet.discretise(mixture)
        if self._cost(arch) <= self.allowed:
            return arch
        within = strongest_within(mixture, self._supernet.kinds, self._table, self.allowed)
        assert within is not None  # the cheapest are
        return self._supernet.discretise(within)

    def _cost(self, arch: Arch) -> float:
        """What the operations of the cells add to the network."""
        chosen = self._supernet.mixture_of(arch).operations
        return sum(
            float((weights.cpu() * self._table[kind]).sum()) for kind, weights in chosen.items()
        )
