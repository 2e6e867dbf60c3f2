"""Uniformly drawn archs, without the bookkeeping of Optuna's random sampler."""

from __future__ import annotations

import numpy as np

from search_spaces import Arch, SearchSpace
from studies.random_arch import random_arch
from studies.samplers.blind import BlindSampler


class UniformSampler(BlindSampler):
    """Draws every gene uniformly over what the space allows."""

    def __init__(self, space: SearchSpace, *, seed: int) -> None:
        super().__init__(space.distributions)
        self._space = space
        self._generator = np.random.default_rng(seed)

    def arch(self, number: int) -> Arch:
        return random_arch(self._space, self._generator)
