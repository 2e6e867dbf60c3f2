"""Proposes every arch of a small space once."""

from __future__ import annotations

from functools import lru_cache

from search_spaces import Arch, SearchSpace
from studies.samplers.blind import BlindSampler


class ExhaustiveSampler(BlindSampler):
    """Trial number n gets the n-th arch that the space enumerates."""

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(space.distributions)
        self._space = space

    def arch(self, number: int) -> Arch:
        archs = _enumerated(self._space)  # type: ignore[arg-type]  # protocols count as unhashable
        return archs[number % len(archs)]


@lru_cache(maxsize=1)
def _enumerated(space: SearchSpace) -> tuple[Arch, ...]:
    """All archs of a space, made once for all the samplers of a search: every batch has its own."""
    return tuple(space.enumerate())
