"""The journal file: Optuna's own format; a line torn by a kill is mended before use."""

from __future__ import annotations

import json
from pathlib import Path

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from nas_kd.errors import NasKdError


def open_storage(journal: Path) -> JournalStorage:
    """Optuna's journal storage on the run's journal file."""
    return JournalStorage(open_entries(journal))


def open_entries(journal: Path) -> JournalFileBackend:
    """What that storage is made on, for whoever writes trials in batches."""
    return JournalFileBackend(str(journal))


def drop_torn_line(journal: Path) -> bool:
    """Cuts off a last line that a kill left unfinished, on which later lines would be lost.

    Returns:
        Whether there was one.

    Raises:
        NasKdError: A line other than the last cannot be read; the file is left as it is.
    """
    if not journal.is_file():
        return False
    content = journal.read_bytes()
    good = 0
    for line in content.splitlines(keepends=True):
        if not _is_whole(line):
            break
        good += len(line)
    rest = content[good:]
    if not rest:
        return False
    if good == 0 or b"\n" in rest[:-1]:
        raise NasKdError(
            f"journal: {journal} cannot be read (byte {good} begins no entry). Restore "
            "the file, or move it away to search again from the start."
        )
    with journal.open("r+b") as file:
        file.truncate(good)
    return True


def _is_whole(line: bytes) -> bool:
    try:
        return line.endswith(b"\n") and isinstance(json.loads(line), dict)
    except ValueError:
        return False
