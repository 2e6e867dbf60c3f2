from __future__ import annotations

import optuna
import pytest

from search_spaces import Arch, create_space
from studies.samplers import SAMPLERS, ExhaustiveSampler, RegularisedEvolutionSampler
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
