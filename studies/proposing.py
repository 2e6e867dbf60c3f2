"""Trials in memory: a batch is proposed, evaluated, and finished."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from search_spaces import Arch
from studies.candidates import Candidate
from studies.revalued_storage import RevaluedStorage
from studies.samplers import BlindSampler
from studies.trials import attributes, constraints, tell, unmark_constraints


@dataclass(frozen=True)
class Found:
    """What a trial comes to.

    Attributes:
        candidate: What was evaluated.
        values: One for each objective.
        duplicate_of: Number of the first trial with the same canonical arch.
        valued: Whether none of the values stands in for one that is not finite.
    """

    candidate: Candidate
    values: list[float]
    duplicate_of: int | None
    valued: bool


class Proposer(Protocol):
    """The trials of one search, batch after batch."""

    def propose(self, sampler: BaseSampler, size: int) -> list[Arch]:
        """The next archs, as the sampler gives them."""
        ...

    def finish(self, found: Sequence[Found]) -> list[FrozenTrial]:
        """The trials of the batch that was proposed last, finished."""
        ...

    def revalue(self, values: Sequence[Sequence[float]]) -> None:
        """From now on the finished trials, in order, are seen with these values."""
        ...


class Asking(Proposer):
    """Keeps an Optuna study in memory, for samplers that look at it.

    Args:
        distributions: Of the space.
        directions: Of the objectives.
        done: Trials of finished batches.
        first: Archs that come before the sampler's.
    """

    def __init__(
        self,
        distributions: Mapping[str, BaseDistribution],
        directions: Sequence[StudyDirection],
        done: Sequence[FrozenTrial],
        first: Sequence[Arch],
    ) -> None:
        self._distributions = dict(distributions)
        self._storage = RevaluedStorage()
        self._study = optuna.create_study(storage=self._storage, directions=directions)
        self._study.add_trials([unmark_constraints(t) for t in copy.deepcopy(list(done))])
        for arch in first[len(done) :]:
            self._study.enqueue_trial(dict(arch))
        self._asked: list[Trial] = []

    def propose(self, sampler: BaseSampler, size: int) -> list[Arch]:
        self._study.sampler = sampler
        self._asked = [self._study.ask(self._distributions) for _ in range(size)]
        return [Arch(trial.params) for trial in self._asked]

    def finish(self, found: Sequence[Found]) -> list[FrozenTrial]:
        for trial, one in zip(self._asked, found, strict=True):
            tell(
                self._study,
                trial,
                one.candidate,
                one.values,
                one.duplicate_of,
                valued=one.valued,
            )
        trials = self._study.get_trials(deepcopy=False)
        return copy.deepcopy([trials[trial.number] for trial in self._asked])

    def revalue(self, values: Sequence[Sequence[float]]) -> None:
        self._storage.revalue(values)


class Drawing(Proposer):
    """Makes finished trials at once, for samplers that look at none.

    Args:
        distributions: Of the space.
        done: How many trials are finished.
        first: Archs that come before the sampler's.
    """

    def __init__(
        self,
        distributions: Mapping[str, BaseDistribution],
        done: int,
        first: Sequence[Arch],
    ) -> None:
        self._distributions = dict(distributions)
        self._next = done
        self._first = first
        self._archs: list[Arch] = []

    def propose(self, sampler: BaseSampler, size: int) -> list[Arch]:
        assert isinstance(sampler, BlindSampler)
        numbers = range(self._next, self._next + size)
        self._archs = [
            self._first[number] if number < len(self._first) else sampler.arch(number)
            for number in numbers
        ]
        return self._archs

    def finish(self, found: Sequence[Found]) -> list[FrozenTrial]:
        return [self._finished(a, one) for a, one in zip(self._archs, found, strict=True)]

    def revalue(self, values: Sequence[Sequence[float]]) -> None:
        """Changes nothing: no value is looked at."""

    def _finished(self, arch: Arch, found: Found) -> FrozenTrial:
        now = datetime.now()
        trial = FrozenTrial(
            number=self._next,
            trial_id=self._next,
            state=TrialState.COMPLETE,
            value=None,
            values=found.values,
            params=dict(arch.items()),
            distributions=self._distributions,
            user_attrs=attributes(found.candidate, found.duplicate_of),
            system_attrs={},
            intermediate_values={},
            datetime_start=now,
            datetime_complete=now,
        )
        for metric, violation in constraints(found.candidate, found.valued).items():
            trial.set_constraint(metric, violation)
        self._next += 1
        return trial
