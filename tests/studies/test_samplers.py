from __future__ import annotations

from typing import Any

import optuna
import pytest
from optuna.samplers import TPESampler

from search_spaces import Arch, SearchSpace, create_space
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


def test_tpe_that_knows_the_genes_proposes_the_same() -> None:
    space = create_space("cifar-resnet")
    settings: dict[str, Any] = {"seed": 3, "multivariate": True, "n_startup_trials": 10}
    proposed = []
    for sampler in (KnownSpaceTPE(space.distributions, **settings), TPESampler(**settings)):
        study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
        _search(study, space, 40)
        proposed.append([trial.params for trial in study.trials])
    assert proposed[0] == proposed[1]


def test_nsga2_breaks_ties_alike_after_a_restart() -> None:
    """What Optuna keeps of a study beside its trials must not matter."""
    space, directions = create_space("cifar-resnet"), ["maximize", "minimize"]
    whole = optuna.create_study(directions=directions)
    cut = optuna.create_study(directions=directions)
    for batch in range(12):
        restarted = optuna.create_study(directions=directions)
        restarted.add_trials(cut.trials)
        cut = restarted
        for study in (whole, cut):
            study.sampler = KnownSpaceNSGAII(space.distributions, population_size=10, seed=batch)
            _search(study, space, 10)
        assert [t.params for t in whole.trials] == [t.params for t in cut.trials]


def test_nsga2_goes_on_after_more_generations_than_calls_can_be_deep() -> None:
    space, size, generations = create_space("cifar-resnet"), 2, 420

    def go_on(study: optuna.Study, seed: int) -> None:
        study.sampler = KnownSpaceNSGAII(space.distributions, population_size=size, seed=seed)
        _search(study, space, size)

    whole = optuna.create_study(directions=["maximize", "minimize"])
    for generation in range(generations):
        go_on(whole, generation)
    restarted = optuna.create_study(directions=["maximize", "minimize"])
    restarted.add_trials(whole.trials)
    for study in (whole, restarted):
        go_on(study, generations)
    assert [t.params for t in restarted.trials] == [t.params for t in whole.trials]


def _search(study: optuna.Study, space: SearchSpace, trials: int) -> None:
    """Few different values, so that many trials are equally good."""
    for _ in range(trials):
        trial = study.ask(dict(space.distributions))
        depth = sum(int(value) for value in trial.params.values())
        study.tell(trial, [float(depth % 7), float(depth // 2)])
