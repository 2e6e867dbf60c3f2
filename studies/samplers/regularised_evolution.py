"""Regularised (aging) evolution as an Optuna sampler."""

from __future__ import annotations

from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search_spaces import Arch, SearchSpace
from studies.random_arch import random_arch


class RegularisedEvolutionSampler(BaseSampler):
    """Mutates the best of a random tournament among the youngest candidates.

    Source: Real et al. 2019, Algorithm 1. The population is the ``population_size`` youngest
    finished trials, so the oldest die whatever their score. A child is a uniformly drawn neighbour
    (one gene changed) of the tournament's winner.

    Deviations: feasible candidates beat infeasible ones and infeasible ones are compared by their
    summed violation, so that a budget holds and degenerate candidates lose; with several objectives
    the study's first one decides.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        seed: int,
        population_size: int = 64,
        tournament_size: int = 16,
    ) -> None:
        self._space = space
        self._generator = np.random.default_rng(seed)
        self._population_size = population_size
        self._tournament_size = tournament_size

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return dict(self._space.distributions)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        population = finished[-self._population_size :]
        if len(population) < 2:
            return dict(random_arch(self._space, self._generator))
        size = min(self._tournament_size, len(population))
        drawn = self._generator.choice(len(population), size=size, replace=False)
        parent = max((population[i] for i in drawn), key=lambda t: _fitness(study, t))
        neighbours = list(self._space.neighbours(Arch(parent.params)))
        return dict(neighbours[self._generator.integers(len(neighbours))])

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return random_arch(self._space, self._generator)[param_name]


def _fitness(study: Study, trial: FrozenTrial) -> tuple[bool, float]:
    violation = sum(max(0.0, value) for value in trial.constraints.values())
    if violation > 0:
        return (False, -violation)
    sign = 1.0 if study.directions[0] is StudyDirection.MAXIMIZE else -1.0
    return (True, sign * trial.values[0])
