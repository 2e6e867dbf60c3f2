"""The networks of an elastic supernet within the counted budget, the best first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nas_kd.costs import Budget, Limits
from nas_kd.errors import NoFeasibleStudentError
from search_spaces import Arch
from studies.observer import Observer
from studies.supernets.elastic.source import Source
from studies.supernets.kept_values import KeptValues


@dataclass(frozen=True)
class RankedNetwork:
    """A network, and what the shared weights make of it.

    Attributes:
        arch: The network.
        accuracy: On the validation images, in [0, 1].
        params: Of the network with its classifier.
        macs: Likewise, for one image.
    """

    arch: Arch
    accuracy: float
    params: int
    macs: int


def counted_limits(source: Source, budget: Budget) -> Limits:
    """What the budget allows in MACs and parameters; shares are of the largest network."""
    return budget.counted.limits(vars(source.sizes(source.supernet.space.largest)))


def within_budget(source: Source, budget: Budget) -> list[Arch]:
    """All that hold its `counted_limits`.

    Raises:
        NoFeasibleStudentError: There is none.
    """
    space = source.supernet.space
    limits = counted_limits(source, budget)
    archs = [arch for arch in space.enumerate() if limits.hold(vars(source.sizes(arch)))]
    if not archs:
        smallest = source.sizes(space.smallest)
        raise NoFeasibleStudentError(
            f"budget: no network of {space.name} meets it. The smallest has {smallest.macs:,} MACs "
            f"and {smallest.params:,} parameters. Raise the budget, or train a smaller supernet."
        )
    return archs


def ranked(
    source: Source, archs: Sequence[Arch], kept: KeptValues, observer: Observer
) -> list[RankedNetwork]:
    """The networks by falling accuracy; of equal ones the one of fewer MACs comes first.

    Args:
        source: Where they are from.
        archs: Which.
        kept: Judges them, and knows those that were judged before.
        observer: Told of the progress.
    """
    observer.phase("rank", len(archs))
    accuracies = kept.of(archs, lambda done: observer.advance(done))
    networks = [
        RankedNetwork(arch, accuracy, source.sizes(arch).params, source.sizes(arch).macs)
        for arch, accuracy in accuracies.items()
    ]
    return sorted(networks, key=lambda one: (-one.accuracy, one.macs, one.arch.key))
