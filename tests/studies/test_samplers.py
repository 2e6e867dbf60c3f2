from __future__ import annotations

from typing import Any

import optuna
import pytest
from optuna.samplers import BaseSampler, NSGAIISampler, TPESampler

from search_spaces import Arch, create_space
from studies.samplers import SAMPLERS, ExhaustiveSampler, RegularisedEvolutionSampler
from studies.samplers.known_space import KnownSpaceNSGAII, KnownSpaceTPE
from tests.contracts.sampler import SamplerContract


@pytest.fixture(params=SAMPLERS.names())
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class TestEverySampler(SamplerContract):
    @pytest.fixture(autouse=True)
    def _name(self, name: str) -> None:
        self.name = name


def test_exhaustive_visits_every_arch_once() -> None:
    space = create_space("cifar-resnet")
    study = optuna.create_study(sampler=ExhaustiveSampler(space))
    archs = [Arch(study.ask(dict(space.distributions)).params) for _ in range(space.size)]
    assert len(set(archs)) == space.size == 64


def test_evolution_finds_the_deepest_net_and_keeps_the_budget() -> None:
    space = create_space("cifar-resnet")
    study = optuna.create_study(
        direction="maximize", sampler=RegularisedEvolutionSampler(space, seed=0)
    )
    for _ in range(150):
        trial = study.ask(dict(space.distributions))
        depth = sum(int(v) for v in trial.params.values())
        trial.set_constraint("depth", depth / 15 - 1)
        study.tell(trial, float(depth))
    assert study.best_value == 15
    late = study.trials[-50:]
    assert sum(all(v <= 0 for v in t.constraints.values()) for t in late) > 25


@pytest.mark.parametrize(
    ("ours", "plain", "settings"),
    [
        (KnownSpaceNSGAII, NSGAIISampler, {"population_size": 10}),
        (KnownSpaceTPE, TPESampler, {"multivariate": True, "n_startup_trials": 10}),
    ],
)
def test_a_sampler_that_knows_the_genes_proposes_the_same(
    ours: type[BaseSampler], plain: type[BaseSampler], settings: dict[str, Any]
) -> None:
    space = create_space("cifar-resnet")
    distributions = dict(space.distributions)
    proposed = []
    for sampler in (ours(distributions, seed=3, **settings), plain(seed=3, **settings)):
        study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
        for _ in range(40):
            trial = study.ask(distributions)
            depth = sum(int(value) for value in trial.params.values())
            study.tell(trial, [float(depth % 7), float(depth)])
        proposed.append([trial.params for trial in study.trials])
    assert proposed[0] == proposed[1]
