"""A run's storage as the dashboard may see it: to be read, with more said about the study."""

from __future__ import annotations

import copy
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, NoReturn

from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from nas_kd.errors import UsageError
from nas_kd.report.dashboard.feasible_front import best_feasible
from nas_kd.report.dashboard.kept_notes import STUDY_NOTE, KeptNotes
from nas_kd.report.dashboard.trials import ShownTrials
from nas_kd.report.dashboard.values_by_now import ValuesByNow
from studies.trials import revalued


class RunView(BaseStorage):
    """Reads go to the run's storage; nothing is ever written to it.

    The dashboard's buttons could otherwise delete or rename the study from which a run continues.

    Args:
        storage: The run's storage, with the run's study alone.
        annotations: Gives the attributes that are laid over those of the study.
        notes: Keeps the notes written in the dashboard; one on the study replaces ours.
        values: Gives objective values that replace those that were told; None leaves them.
    """

    def __init__(
        self,
        storage: BaseStorage,
        annotations: Callable[[], Mapping[str, Any]],
        notes: KeptNotes,
        values: ValuesByNow | None = None,
    ) -> None:
        self._storage = storage
        self._annotations = annotations
        self._notes = notes
        self._values = values
        self._trials = ShownTrials()

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        return self._with_annotations(self._storage.get_study_system_attrs(study_id))

    def get_all_studies(self) -> list[FrozenStudy]:
        studies = self._storage.get_all_studies()
        for study in studies:
            study.system_attrs = self._with_annotations(study.system_attrs)
        return studies

    def _with_annotations(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        ours = self._annotations()
        if self._notes.on_study:
            ours = {name: v for name, v in ours.items() if not STUDY_NOTE.fullmatch(name)}
        return {**attributes, **ours, **self._notes.attributes}

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        if not self._notes.accepts(key):
            _refuse()
        self._notes.keep(key, value)

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """The best feasible trial; the best of all while none is feasible."""
        (direction,) = self.get_study_directions(study_id)
        best = best_feasible(self.get_all_trials(study_id, deepcopy=False), direction)
        return best or super().get_best_trial(study_id)

    def get_study_id_from_name(self, study_name: str) -> int:
        return self._storage.get_study_id_from_name(study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        return self._storage.get_study_name_from_id(study_id)

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        return self._storage.get_study_directions(study_id)

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        return self._storage.get_study_user_attrs(study_id)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        trial = self._storage.get_trial(trial_id)
        if self._values is None:
            return self._trials.shown(trial)
        (study,) = self._storage.get_all_studies()
        return self.get_all_trials(study._study_id, deepcopy=False)[trial.number]

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        trials = self._storage.get_all_trials(study_id, deepcopy=False)
        values = {} if self._values is None else self._values.by_number(trials)
        shown = [
            revalued(trial, values[trial.number]) if trial.number in values else trial
            for trial in map(self._trials.shown, trials)
            if states is None or trial.state in states
        ]
        return copy.deepcopy(shown) if deepcopy else shown

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        _refuse()

    def delete_study(self, study_id: int) -> None:
        _refuse()

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        _refuse()

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        _refuse()

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        _refuse()

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        _refuse()

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        _refuse()

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        _refuse()

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        _refuse()


def _refuse() -> NoReturn:
    raise UsageError("dashboard: it only reads the run; write with nas-kd or Optuna itself.")
