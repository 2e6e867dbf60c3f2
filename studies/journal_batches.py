"""Trials that reach the journal together: one write and one look at the disk for a whole batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from optuna.storages.journal import BaseJournalBackend


class BatchedEntries(BaseJournalBackend):
    """Passes entries on to another backend, at once or, on demand, many at a time.

    Args:
        backend: Where they go.
    """

    def __init__(self, backend: BaseJournalBackend) -> None:
        self._backend = backend
        self._waiting: list[dict[str, Any]] | None = None

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is appended meanwhile is written at the end, all of it or, on an error, nothing.

        A storage on this backend does not see it before. Only trials may be added: their entries
        do not depend on one another, nor on what other processes append in between.
        """
        self._waiting = waiting = []
        try:
            yield
        finally:
            self._waiting = None
        if waiting:
            self._backend.append_logs(waiting)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        if self._waiting is None:
            self._backend.append_logs(logs)
        else:
            self._waiting += logs

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        return self._backend.read_logs(log_number_from) if self._waiting is None else ()
