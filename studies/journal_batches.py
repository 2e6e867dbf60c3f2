"""Trials that reach the journal together: one write and one look at the disk for a whole batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import FrozenTrial


def append_together(journal: BaseJournalBackend, trials: Sequence[FrozenTrial]) -> None:
    """Appends finished trials to the one study of a journal, all of them or, on an error, none.

    The entry of a trial depends neither on other trials nor on what else the journal holds:
    Optuna's storage makes the entries on a journal in memory, and they are appended as they are.

    Args:
        journal: Its first entry made the study.
        trials: Finished, in order.
    """
    entries = _Entries(islice(journal.read_logs(0), 1))
    storage = JournalStorage(entries)
    (study,) = storage.get_all_studies()
    for trial in trials:
        storage.create_new_trial(study._study_id, template_trial=trial)
    if entries.new:
        journal.append_logs(entries.new)


class _Entries(BaseJournalBackend):
    """Shows the entry of the study and of the first new trial, and keeps the other ones to itself.

    The storage then does not replay, for each trial, what it has just written.
    """

    def __init__(self, study: Iterable[dict[str, Any]]) -> None:
        self._shown = list(study)
        self.new: list[dict[str, Any]] = []

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        if not self.new:
            self._shown += logs
        self.new += logs

    def read_logs(self, log_number_from: int) -> list[dict[str, Any]]:
        return self._shown[log_number_from:]
