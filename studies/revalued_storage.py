"""An Optuna storage in memory whose finished trials can get other values."""

from __future__ import annotations

from collections.abc import Sequence

from optuna.storages import InMemoryStorage

from studies.trials import revalued


class RevaluedStorage(InMemoryStorage):
    """Holds one study.

    `revalue` leaves it as if its trials had been told with the new values from the beginning and
    added to a new study: without what a sampler keeps beside the trials.
    """

    def revalue(self, values: Sequence[Sequence[float]]) -> None:
        """Gives the first trials, all of them finished, new values.

        Args:
            values: Of each trial in order, one for each objective.
        """
        with self._lock:
            ((study, known),) = self._studies.items()
            known.system_attrs = {}
            known.best_trial_id = None
            for number, new in enumerate(values):
                trial = revalued(known.trials[number], new)
                known.trials[number] = trial
                self._update_cache(trial._trial_id, study)
