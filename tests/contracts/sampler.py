"""What every registered sampler must do; inherit and set ``name``."""

from __future__ import annotations

import optuna

from search_spaces import Arch, create_space
from studies.samplers import SAMPLERS


class SamplerContract:
    """Proposes legal archs, depends only on seed and finished trials."""

    name: str
    space = create_space("cifar-resnet")

    def _propose(self, seed: int, batches: int, size: int = 8) -> list[Arch]:
        study = optuna.create_study(directions=["maximize", "minimize"])
        return self._continue(study, seed, batches, size)

    def _continue(self, study: optuna.Study, seed: int, batches: int, size: int = 8) -> list[Arch]:
        done = len(study.trials) // size
        for batch in range(done, done + batches):
            study.sampler = SAMPLERS.get(self.name).build(self.space, seed + batch, size)
            for trial in [study.ask(dict(self.space.distributions)) for _ in range(size)]:
                depth = sum(int(v) for v in trial.params.values())
                trial.set_constraint("macs", depth / 12 - 1)
                study.tell(trial, [float(depth), float(depth)])
        return [Arch(trial.params) for trial in study.trials]

    def test_proposals_are_members_of_the_space(self) -> None:
        for arch in self._propose(0, batches=3):
            self.space.canonical(arch)

    def test_same_seed_same_proposals(self) -> None:
        assert self._propose(3, batches=4) == self._propose(3, batches=4)

    def test_a_continued_study_proposes_what_the_uninterrupted_one_does(self) -> None:
        whole = self._propose(5, batches=4)
        study = optuna.create_study(directions=["maximize", "minimize"])
        self._continue(study, 5, batches=2)
        copy = optuna.create_study(directions=["maximize", "minimize"])
        copy.add_trials(study.get_trials())
        assert self._continue(copy, 5, batches=2) == whole
