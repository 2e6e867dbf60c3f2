"""Archs as numbers that their latency depends on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from search_spaces import Arch, SearchSpace, executed_arch, glue_operators


class ArchEncoder:
    """Turns the archs of a space into feature vectors of one length.

    The features are, in order: MACs and params; how often additions, activations and the like run
    by themselves, where the space tells (`search_spaces.glue_operators`); for every set of genes
    that share their choices, how often each choice occurs (their sum where they are numbers); every
    gene by itself, one-hot or scaled to [0, 1], unless it is such a choice: where in a network an
    operation stands says little beside its MACs, and a few dozen students do not tell. Parts that
    need not be run do not count. Archs that compute the same function have the same features.

    Args:
        space: The space whose archs are encoded.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._distributions = dict(space.distributions)
        self._groups = _groups(self._distributions)
        self._single = [
            name
            for name, distribution in self._distributions.items()
            if not isinstance(distribution, CategoricalDistribution)
            or not any(name in group for group in self._groups)
        ]

    def encode(self, arch: Arch, costs: Mapping[str, float]) -> NDArray[np.float64]:
        """Features, ``(feature,)``.

        Args:
            arch: A member of the space.
            costs: Its counted ``macs`` and ``params``.
        """
        genes = dict(executed_arch(self._space, arch))
        glue = glue_operators(self._space, arch).values()
        parts = [np.array([costs["macs"], costs["params"], *glue], dtype=float)]
        for names in self._groups:
            rows = [_encode_gene(self._distributions[name], genes[name]) for name in names]
            parts.append(np.sum(rows, axis=0))
        parts += [_encode_gene(self._distributions[name], genes[name]) for name in self._single]
        return np.concatenate(parts)


def _groups(distributions: Mapping[str, BaseDistribution]) -> list[list[str]]:
    """Names of the genes that have equal distributions, where they are two or more."""
    groups: list[list[str]] = []
    for name, distribution in distributions.items():
        for group in groups:
            if distributions[group[0]] == distribution:
                group.append(name)
                break
        else:
            groups.append([name])
    return [group for group in groups if len(group) > 1]


def _encode_gene(distribution: BaseDistribution, value: object) -> NDArray[np.float64]:
    if isinstance(distribution, CategoricalDistribution):
        return np.array([float(value == choice) for choice in distribution.choices])
    if isinstance(distribution, IntDistribution | FloatDistribution) and isinstance(
        value, int | float
    ):
        span = max(distribution.high - distribution.low, 1e-12)
        return np.array([(value - distribution.low) / span])
    raise TypeError(f"no encoding for {value!r} of {distribution}")
