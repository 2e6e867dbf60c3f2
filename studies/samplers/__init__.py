"""How candidates are proposed: Optuna's samplers and our own, by name.

A sampler is built anew for every batch from the study's seed and the batch's number. What it
proposes then depends on nothing but the trials that the study already holds, so that a study
continued after a kill proposes what the uninterrupted one would have proposed. No state of a
sampler or of a random generator is ever stored, and none has to be loaded: the finished trials in
the journal, written batch by batch, are all of it. This holds for each of the five samplers here
(`tests/contracts/sampler.py`, `benchmarks/kill_resume.py`); a sampler that somebody adds must keep
to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from optuna.samplers import BaseSampler

from nas_kd.registry import Registry
from search_spaces import SearchSpace
from studies.recipe import EXHAUSTIVE
from studies.samplers.blind import BlindSampler
from studies.samplers.exhaustive import ExhaustiveSampler
from studies.samplers.known_space import KnownSpaceNSGAII, KnownSpaceTPE
from studies.samplers.regularised_evolution import RegularisedEvolutionSampler
from studies.samplers.uniform import UniformSampler


@dataclass(frozen=True)
class SamplerEntry:
    """A named sampler.

    Attributes:
        build: Makes the sampler from the space, a seed and the number of trials in a batch.
        source: Paper or library that defines it.
        covers_space: Whether it walks through the whole space by itself, so that neither anchors
            nor random archs have to be searched first, and trials need not be counted.
    """

    build: Callable[[SearchSpace, int, int], BaseSampler]
    source: str
    covers_space: bool = False


SAMPLERS: Registry[SamplerEntry] = Registry(
    "samplers",
    wanted="a studies.samplers.SamplerEntry",
    accepts=lambda found: isinstance(found, SamplerEntry),
)
SAMPLERS.register(
    "nsga2",
    SamplerEntry(
        lambda space, seed, batch: KnownSpaceNSGAII(
            space.distributions, population_size=batch, seed=seed
        ),
        "Deb et al. 2002, NSGA-II; Optuna's implementation, one batch a generation",
    ),
)
SAMPLERS.register(
    "tpe",
    SamplerEntry(
        lambda space, seed, batch: KnownSpaceTPE(
            space.distributions, seed=seed, multivariate=True, n_startup_trials=batch
        ),
        "Bergstra et al. 2011, TPE; Optuna's implementation, multivariate, constant liar",
    ),
)
SAMPLERS.register(
    "random",
    SamplerEntry(
        lambda space, seed, batch: UniformSampler(space, seed=seed), "uniform over the genes"
    ),
)
SAMPLERS.register(
    "regularised-evolution",
    SamplerEntry(
        lambda space, seed, batch: RegularisedEvolutionSampler(space, seed=seed),
        "Real et al. 2019, Regularized Evolution for Image Classifier Architecture Search",
    ),
)
SAMPLERS.register(
    EXHAUSTIVE,
    SamplerEntry(
        lambda space, seed, batch: ExhaustiveSampler(space),
        "every arch of the space once, in its own order",
        covers_space=True,
    ),
)

__all__ = [
    "SAMPLERS",
    "BlindSampler",
    "ExhaustiveSampler",
    "RegularisedEvolutionSampler",
    "SamplerEntry",
    "UniformSampler",
]
