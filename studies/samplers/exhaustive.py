"""Proposes every arch of a small space once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from search_spaces import Arch, SearchSpace


class ExhaustiveSampler(BaseSampler):
    """Trial number n gets the n-th arch that the space enumerates."""

    def __init__(self, space: SearchSpace) -> None:
        self._space = space

    @cached_property
    def _archs(self) -> list[Arch]:
        return list(self._space.enumerate())

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return dict(self._space.distributions)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return dict(self._archs[trial.number % len(self._archs)])

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self._archs[trial.number % len(self._archs)][param_name]
