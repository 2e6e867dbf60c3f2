"""Uniformly drawn archs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from search_spaces import Arch, SearchSpace, gene_values


def random_arch(space: SearchSpace, generator: np.random.Generator) -> Arch:
    """An arch whose genes are drawn one by one, uniformly over what the space allows."""
    return Arch(
        {
            name: (values := gene_values(distribution))[int(generator.integers(len(values)))]
            for name, distribution in space.distributions.items()
        }
    )


def anchors_then_random(space: SearchSpace, generator: np.random.Generator) -> Iterator[Arch]:
    """The space's anchors, then random archs without end."""
    yield from space.anchors()
    while True:
        yield random_arch(space, generator)
