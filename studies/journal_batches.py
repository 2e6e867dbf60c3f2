"""Trials that reach the journal together: one write and one look at the disk for a whole batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import FrozenTrial


def append_together(journal: BaseJournalBackend, trials: Sequence[FrozenTrial]) -> None:
    """Appends finished trials to the one study of a journal, all of them or, on an error, none.

    The entry of a trial depends neither on other trials nor on what else the journal holds: a
    storage that knows of nothing but the study makes the entries, and they are appended as they
    are.

    Args:
        journal: Its first entry made the study.
        trials: Finished, in order.
    """
    entries = _Entries(islice(journal.read_logs(0), 1))
    study = optuna.load_study(study_name=None, storage=JournalStorage(entries))
    known = len(entries.all)
    study.add_trials(trials)
    if len(entries.all) > known:
        journal.append_logs(entries.all[known:])


class _Entries(BaseJournalBackend):
    """A journal in memory."""

    def __init__(self, entries: Iterable[dict[str, Any]]) -> None:
        self.all = list(entries)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self.all += logs

    def read_logs(self, log_number_from: int) -> list[dict[str, Any]]:
        return self.all[log_number_from:]
