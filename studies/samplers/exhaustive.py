"""Proposes every arch of a small space once."""

from __future__ import annotations

from functools import cached_property

from search_spaces import Arch, SearchSpace
from studies.samplers.blind import BlindSampler


class ExhaustiveSampler(BlindSampler):
    """Trial number n gets the n-th arch that the space enumerates."""

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(space.distributions)
        self._space = space

    def arch(self, number: int) -> Arch:
        return self._archs[number % len(self._archs)]

    @cached_property
    def _archs(self) -> list[Arch]:
        return list(self._space.enumerate())
