"""Optuna's samplers, told what the genes are.

By themselves they work out, for every trial and from all trials, which parameters these have in
common. In a search that is always all genes of the space.
"""

from __future__ import annotations

from collections.abc import Mapping

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, NSGAIISampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial


class _KnownSpace(BaseSampler):
    """Stands before one of Optuna's samplers.

    Args:
        distributions: Of the space.
        settings: Of the sampler.
    """

    def __init__(self, distributions: Mapping[str, BaseDistribution], **settings: object) -> None:
        super().__init__(**settings)
        # In the order in which Optuna has them; what has one value only is not sampled.
        self._genes = {
            n: distributions[n] for n in sorted(distributions) if not distributions[n].single()
        }

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return self._genes


class KnownSpaceNSGAII(_KnownSpace, NSGAIISampler):
    """NSGA-II over the genes of a space.

    Parents are in the order of their trials. By itself Optuna has them in the order of selection
    when it has just selected them and in that of the trials when it selected them earlier, and ties
    between parents, which archs of one function make, would be broken otherwise after a restart.

    After a restart the parents of all generations are selected again, the first ones first: Optuna
    goes back from the last generation, some calls deep for each, and many generations are too deep.
    """

    def get_parent_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        for earlier in range(self._selected(study, generation) + 1, generation):
            super().get_parent_population(study, earlier)
        parents = super().get_parent_population(study, generation)
        return sorted(parents, key=lambda trial: trial.number)

    def _selected(self, study: Study, generation: int) -> int:
        """The last generation up to ``generation`` whose parents the study keeps; 0 for none."""
        kept = study._storage.get_study_system_attrs(study._study_id)
        prefix = self._get_parent_cache_key_prefix()
        while generation > 0 and kept.get(f"{prefix}{generation}") is None:
            generation -= 1
        return generation


class KnownSpaceTPE(_KnownSpace, TPESampler):
    """TPE over the genes of a space."""
