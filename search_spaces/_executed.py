"""What of an arch has to be run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from search_spaces._arch import Arch
from search_spaces._space import SearchSpace


@runtime_checkable
class WithIdleParts(Protocol):
    """A space with archs of which parts cost nothing; not part of what a `SearchSpace` offers."""

    def executed(self, arch: Arch) -> Arch:
        """A member of the space without the parts of ``arch`` that an exported student leaves out.

        Raises:
            IllegalArchError: ``arch`` is not a member of the space.
        """
        ...

    def glue_operators(self, arch: Arch) -> Mapping[str, int]:
        """How often what joins the executed parts runs, by kind, in a fixed order.

        Additions and activations cost time and neither MACs nor parameters, and less where an
        inference engine fuses them with a convolution.

        Raises:
            IllegalArchError: ``arch`` is not a member of the space.
        """
        ...


def executed_arch(space: SearchSpace, arch: Arch) -> Arch:
    """What of ``arch`` has to be run; its canonical form where the space has no idle parts."""
    return space.executed(arch) if isinstance(space, WithIdleParts) else space.canonical(arch)


def glue_operators(space: SearchSpace, arch: Arch) -> Mapping[str, int]:
    """How often what joins the executed parts of ``arch`` runs; empty where that never differs."""
    return space.glue_operators(arch) if isinstance(space, WithIdleParts) else {}
