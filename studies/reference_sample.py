"""The students by which the proxies are scaled before a search: which ones are taken."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from search_spaces import Arch, SearchSpace
from studies.random_arch import anchors_then_random

FEW = 20
"""A sample below this size makes a rough scale."""

_TRIES_PER_STUDENT = 200


@dataclass(frozen=True)
class ReferenceSample:
    """Distinct functions of a space that meet a budget.

    Attributes:
        archs: Canonical, the anchors first.
        tried: How many archs were looked at.
    """

    archs: list[Arch]
    tried: int


def reference_sample(
    space: SearchSpace, seed: int, size: int, fits: Callable[[Arch], bool]
) -> ReferenceSample:
    """Draws archs uniformly, and where few of them fit, goes on with neighbours of those.

    Its random stream is its own: no sampler draws the same archs from a seed of the search.

    Args:
        space: Where they are drawn from.
        seed: Of the search.
        size: How many are wanted.
        fits: Whether an arch meets the budget, as far as it is counted.
    """
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    tries = size * _TRIES_PER_STUDENT
    search = _Sampling(space, size, fits)
    drawn = anchors_then_random(space, generator)
    search.take(islice(drawn, len(space.anchors()) + tries))
    search.take(islice(_around(search.found, space, generator), tries))
    return ReferenceSample(list(search.found), len(search.tried))


class _Sampling:
    """Those that fit among the archs that are tried, up to a number; each is looked at once."""

    def __init__(self, space: SearchSpace, size: int, fits: Callable[[Arch], bool]) -> None:
        self._space = space
        self._size = size
        self._fits = fits
        self.found: dict[Arch, None] = {}
        self.tried: set[Arch] = set()

    def take(self, archs: Iterator[Arch]) -> None:
        while len(self.found) < self._size and (arch := next(archs, None)) is not None:
            if arch not in self.tried:
                self.tried.add(arch)
                if self._fits(arch):
                    self.found[self._space.canonical(arch)] = None


def _around(
    found: dict[Arch, None], space: SearchSpace, generator: np.random.Generator
) -> Iterator[Arch]:
    """One neighbour of each in turn, in random order; what is found on the way has its turns."""
    walks: deque[Iterator[Arch]] = deque()
    begun = 0
    while True:
        for arch in islice(list(found), begun, None):
            neighbours = list(space.neighbours(arch))
            walks.append(iter([neighbours[n] for n in generator.permutation(len(neighbours))]))
        begun = len(found)
        if not walks:
            return
        walk = walks.popleft()
        if (neighbour := next(walk, None)) is not None:
            walks.append(walk)
            yield neighbour
