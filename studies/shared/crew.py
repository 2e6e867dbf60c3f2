"""A crew over several hosts: candidates wait as trials, whoever is free takes the next one."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from search_spaces import Arch
from studies.candidates import Candidate
from studies.evaluator import Evaluator
from studies.shared.lease import lease
from studies.shared.work import WorkStudy
from studies.workers import Workers
from studies.workers.crew import CHANCES, given_up

_POST = "post"
_ARCH = "arch"
_CANDIDATE = "candidate"
_HOST = "host"
_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 2.0
"""Between two looks at the work while nothing happens."""


class SharedCrew:
    """Takes candidates from the study's work, and waits for those that others have taken.

    Every process of the study expects the same candidates; the first one to see that some are not
    there posts them, one process at a time. A candidate whose holder died is posted once more; one
    over which two holders died is recorded without a score (see `studies.workers.LocalCrew`).

    Args:
        work: The study's work.
        workers: Who computes here.
        evaluator: Remembers what was found out here and elsewhere.
        note: Told what the user should know.
    """

    def __init__(
        self,
        work: WorkStudy,
        workers: Workers[Candidate],
        evaluator: Evaluator,
        note: Callable[[str], None],
    ) -> None:
        self._work = work
        self._workers = workers
        self._evaluator = evaluator
        self._note = note
        self._wanted: dict[str, Arch] = {}
        self._jobs: dict[Arch, tuple[int, float]] = {}
        self._learned: set[int] = set()
        self._random = random.Random()

    def expect(self, archs: Iterable[Arch]) -> None:
        known = self._evaluator.known
        self._wanted = {arch.key: arch for arch in archs if arch.key not in known}

    def evaluate(self, arch: Arch) -> Candidate:
        known, wait_s = self._evaluator.known, _FIRST_WAIT_S
        while arch.key not in known:
            happened = self._step(wait_s)
            wait_s = _FIRST_WAIT_S if happened else min(1.5 * wait_s, _LONGEST_WAIT_S)
        return known[arch.key]

    def _step(self, wait_s: float) -> bool:
        """One look at the work, and some waiting: whether anything happened."""
        trials = [t for t in self._work.trials() if _ARCH in t.user_attrs]
        happened = self._learn(trials) or (self._needs_posting(trials) and self._post())
        happened = self._claim(trials) or happened
        if not self._jobs:
            time.sleep(0 if happened else wait_s)
            return happened
        answers = self._workers.answers(wait_s)
        for answer in answers:
            self._hand_in(answer.arch, answer.found)
        return happened or bool(answers)

    def _learn(self, trials: Sequence[FrozenTrial]) -> bool:
        """Remembers what was completed since the last look."""
        new = [
            t for t in trials if t.state == TrialState.COMPLETE and t.number not in self._learned
        ]
        for trial in new:
            self._learned.add(trial.number)
            self._evaluator.remember(Candidate.from_dict(trial.user_attrs[_CANDIDATE]))
        return bool(new)

    def _needs_posting(self, trials: Sequence[FrozenTrial]) -> bool:
        return bool(self._work.dead(trials)) or bool(self._missing(trials))

    def _missing(self, trials: Sequence[FrozenTrial]) -> list[Arch]:
        """Expected archs that nobody has evaluated, holds or could take."""
        there = {_key(t) for t in trials if t.state != TrialState.FAIL}
        known = self._evaluator.known
        return [a for key, a in self._wanted.items() if key not in there and key not in known]

    def _post(self) -> bool:
        with lease(self._work, _POST) as held:
            if held:
                for trial in self._work.dead(self._candidates()):
                    self._note(f"The process that had {_key(trial)} is gone: it is tried again.")
                    self._work.fail(trial._trial_id)
                trials = self._candidates()
                deaths = Counter(_key(t) for t in trials if self._work.was_death(t))
                for arch in self._missing(trials):
                    self._post_one(arch, deaths[arch.key])
        return held

    def _post_one(self, arch: Arch, deaths: int) -> None:
        work: dict[str, Any] = {_ARCH: dict(arch)}
        if deaths < CHANCES:
            self._work.add(work)
            return
        self._note(given_up(arch))
        candidate = self._evaluator.without_score(arch)
        self._finish(self._work.add_held(work), candidate, 0.0)

    def _claim(self, trials: Sequence[FrozenTrial]) -> bool:
        """Takes a candidate for every free worker, in random order: others do so at this moment."""
        waiting = [t for t in trials if t.state == TrialState.WAITING]
        self._random.shuffle(waiting)
        before = len(self._jobs)
        while waiting and self._workers.free:
            trial = waiting.pop()
            arch = Arch(trial.user_attrs[_ARCH])
            if arch not in self._jobs and self._work.claim(trial):
                self._jobs[arch] = (trial._trial_id, time.monotonic())
                self._workers.submit(arch)
        return len(self._jobs) > before

    def _hand_in(self, arch: Arch, candidate: Candidate | None) -> None:
        trial_id, began = self._jobs.pop(arch)
        if candidate is None:
            self._note(f"A worker died over {arch.key}: it is tried again.")
            self._work.fail(trial_id)
        else:
            self._finish(trial_id, candidate, time.monotonic() - began)

    def _finish(self, trial_id: int, candidate: Candidate, seconds: float) -> None:
        found = {_CANDIDATE: candidate.to_dict(), _HOST: self._work.owner}
        self._work.finish(trial_id, found, seconds)

    def _candidates(self) -> list[FrozenTrial]:
        return [t for t in self._work.trials() if _ARCH in t.user_attrs]


def _key(trial: FrozenTrial) -> str:
    return Arch(trial.user_attrs[_ARCH]).key
