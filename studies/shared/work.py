"""What the hosts of a study have to do and do, as trials of an Optuna study of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from studies.shared.heartbeat import heartbeat_s as told_heartbeat_s

_MISSED_BEATS = 4
"""Signs of life that may fail to come before the holder is taken for dead."""
_PULSE = "pulse"
_OWNER = "owner"
_GIVEN_BACK = "given_back"


class WorkStudy:
    """Trials that are held by one process at a time, which shows that it is alive.

    Every trial that this process holds gets a new number as its attribute ``pulse`` every few
    seconds. A held trial whose pulse stands still, as seen by this process and its own clock, is
    of a dead one. Optuna's heartbeat is not used: it belongs to `Study.optimize`, a trial whose
    process dies before its first beat is never found, and it does not pass through a gRPC proxy.

    Args:
        storage: Any storage that all hosts reach.
        name: Of the study; made when it is not there.
        owner: Who holds what this process holds: one host and run directory.
        heartbeat_s: Between two signs of life; without it, what the environment says.

    Raises:
        UsageError: The environment says no number of seconds.
    """

    def __init__(
        self, storage: BaseStorage, name: str, owner: str, heartbeat_s: float | None = None
    ) -> None:
        self.heartbeat_s = told_heartbeat_s() if heartbeat_s is None else heartbeat_s
        study = optuna.create_study(
            storage=storage, study_name=name, direction="minimize", load_if_exists=True
        )
        self._storage = storage
        self._study = study._study_id
        self.owner = owner
        self._held: set[int] = set()
        self._seen: dict[int, tuple[Any, float]] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    @property
    def dead_after_s(self) -> float:
        """How long a pulse stands still before its process is taken for dead."""
        return _MISSED_BEATS * self.heartbeat_s

    def trials(self) -> list[FrozenTrial]:
        """All trials in their order, and a look at the pulse of those that are held."""
        trials = self._storage.get_all_trials(self._study, deepcopy=False)
        running = [t for t in trials if t.state == TrialState.RUNNING]
        now = time.monotonic()
        self._seen = {
            t._trial_id: seen
            if (seen := self._seen.get(t._trial_id)) and seen[0] == self.pulse(t)
            else (self.pulse(t), now)
            for t in running
        }
        return trials

    def add(self, attributes: Mapping[str, Any]) -> None:
        """A new trial that waits for somebody."""
        self._create(TrialState.WAITING, attributes)

    def add_held(self, attributes: Mapping[str, Any]) -> int:
        """A new trial that this process holds; its id."""
        trial_id = self._create(TrialState.RUNNING, attributes)
        self._hold(trial_id)
        return trial_id

    def claim(self, trial: FrozenTrial) -> bool:
        """Takes a waiting trial; False when another process was quicker."""
        try:
            mine = self._storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING)
        except UpdateFinishedTrialError:
            return False
        if mine:
            self._hold(trial._trial_id)
        return mine

    def finish(self, trial_id: int, attributes: Mapping[str, Any], value: float) -> bool:
        """Completes a held trial; False when it had been taken for dead."""
        try:
            for name, attribute in attributes.items():
                self._storage.set_trial_user_attr(trial_id, name, attribute)
            return self._end(trial_id, TrialState.COMPLETE, [value])
        except UpdateFinishedTrialError:
            return False

    def fail(self, trial_id: int) -> None:
        """Gives a trial up; nothing happens when it is finished."""
        with suppress(UpdateFinishedTrialError):
            self._end(trial_id, TrialState.FAIL, None)

    def give_back(self, trial_id: int) -> None:
        """Gives a held trial up in good order: it did not bring anybody to grief."""
        with suppress(UpdateFinishedTrialError):
            self._storage.set_trial_system_attr(trial_id, _GIVEN_BACK, True)
        self.fail(trial_id)

    @staticmethod
    def was_death(trial: FrozenTrial) -> bool:
        """Whether the process that held the trial died over it."""
        return trial.state == TrialState.FAIL and _GIVEN_BACK not in trial.system_attrs

    @staticmethod
    def pulse(trial: FrozenTrial) -> Any:
        """The last sign of life of whoever holds the trial."""
        return trial.system_attrs.get(_PULSE)

    @staticmethod
    def owner_of(trial: FrozenTrial) -> str:
        """Who holds or held the trial."""
        return str(trial.system_attrs.get(_OWNER, "another process"))

    def is_mine(self, trial: FrozenTrial) -> bool:
        """Whether this process holds the trial."""
        return trial._trial_id in self._held

    def dead(self, trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
        """The held ones among ``trials`` whose process is gone."""
        latest = time.monotonic() - self.dead_after_s
        return [
            t
            for t in trials
            if t.state == TrialState.RUNNING
            and not self.is_mine(t)
            and (
                t.system_attrs.get(_OWNER) == self.owner
                or self._seen.get(t._trial_id, (None, latest + 1))[1] < latest
            )
        ]

    def close(self) -> None:
        """Gives up what is still held, and shows no more signs of life."""
        self._closed.set()
        self._thread.join()
        for trial_id in list(self._held):
            with suppress(Exception):  # the server may be away: others will take it for dead
                self.give_back(trial_id)

    def _create(self, state: TrialState, attributes: Mapping[str, Any]) -> int:
        template = create_trial(state=state, user_attrs=dict(attributes))
        return self._storage.create_new_trial(self._study, template_trial=template)

    def _hold(self, trial_id: int) -> None:
        """Only a holder writes its name, so that nobody takes for his own what is another's."""
        self._storage.set_trial_system_attr(trial_id, _OWNER, self.owner)
        self._held.add(trial_id)

    def _end(self, trial_id: int, state: TrialState, values: list[float] | None) -> bool:
        self._held.discard(trial_id)
        return self._storage.set_trial_state_values(trial_id, state, values)

    def _beat(self) -> None:
        number = 0
        while not self._closed.wait(self.heartbeat_s):
            number += 1
            for trial_id in list(self._held):
                with suppress(Exception):  # finished meanwhile, or the server is away for a while
                    self._storage.set_trial_system_attr(trial_id, _PULSE, number)
