"""Uniformly drawn archs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from nas_kd.errors import UsageError
from search_spaces import Arch, SearchSpace


def random_arch(space: SearchSpace, generator: np.random.Generator) -> Arch:
    """An arch whose genes are drawn one by one, uniformly over what the space allows."""
    return Arch(
        {
            name: (values := _values(distribution))[int(generator.integers(len(values)))]
            for name, distribution in space.distributions.items()
        }
    )


def anchors_then_random(space: SearchSpace, generator: np.random.Generator) -> Iterator[Arch]:
    """The space's anchors, then random archs without end."""
    yield from space.anchors()
    while True:
        yield random_arch(space, generator)


def _values(distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    if isinstance(distribution, IntDistribution):
        return range(distribution.low, distribution.high + 1, distribution.step)
    raise UsageError(
        f"search space: genes are categorical or integer distributions, not {distribution!r}."
    )
