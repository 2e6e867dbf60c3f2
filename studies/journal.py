"""The journal file: Optuna's own format, each entry with a checksum, mended before use."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

from nas_kd.errors import NasKdError, UsageError
from nas_kd.sealed import is_intact, sealed_line
from nas_kd.whole_files import name_for_damaged


class SealedJournal(JournalFileBackend):
    """Optuna's journal file, with a checksum in every entry that is appended.

    Optuna ignores what it does not know in an entry, so its own reader reads the file as well, and
    entries that something else appended without a checksum are believed.

    Args:
        path: The file; it is made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        # The lock beside the file is a link to it, and a relative one would lead nowhere.
        self._writing = JournalFileSymlinkLock(str(path.absolute()))
        super().__init__(str(path.absolute()), self._writing)
        self._path = path

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        lines = "".join(map(sealed_line, logs)).encode()
        self._writing.acquire()
        try:
            with self._path.open("ab") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
        finally:
            self._writing.release()

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """The entries from a number on.

        Raises:
            UsageError: One of them is damaged.
        """
        number = log_number_from
        try:
            for log in super().read_logs(log_number_from):
                if not is_intact(log):
                    raise ValueError("it does not fit its checksum")
                yield log
                number += 1
        except ValueError as error:
            raise UsageError(
                f"journal: entry {number} of {self._path} is damaged ({error}). The search command "
                "that began the run mends the file and continues."
            ) from error


def open_storage(journal: Path) -> JournalStorage:
    """Optuna's journal storage on the run's journal file.

    Args:
        journal: The file; it is made if it is not there.

    Raises:
        UsageError: An entry is damaged.
    """
    return JournalStorage(SealedJournal(journal))


@dataclass(frozen=True)
class _Contents:
    """What a journal file holds: its first whole entries, and how much of it they are."""

    entries: int
    good: int
    size: int
    rest: bytes
    readable: bool


def mend(journal: Path) -> str:
    """Cuts the journal off behind its last whole entry, before the run is continued.

    What a kill left of the last entry is dropped; a file that is damaged before its end is kept
    beside the journal as it was. A lock that a kill left behind is removed. Only whoever holds the
    run's lock may call this.

    Returns:
        What was done, for the user; empty where nothing had to be.

    Raises:
        NasKdError: The file holds no entry at all; it is left as it is.
        OSError: The file cannot be read or written.
    """
    with suppress(FileNotFoundError):
        journal.with_name(f"{journal.name}.lock").unlink()
    if not journal.is_file():
        return ""
    found = _examine(journal.read_bytes())
    if not found.rest:
        return ""
    if not found.readable:
        raise NasKdError(
            f"journal: {journal} cannot be read (no line of it is an entry). Restore the file, or "
            "move it away to search again from the start."
        )
    if _is_torn_end(found.rest):
        done = f"The last entry of {journal} was unfinished; it is made anew."
    else:
        copy = name_for_damaged(journal)
        shutil.copyfile(journal, copy)
        done = (
            f"{journal} is damaged from byte {found.good} of {found.size} on. Its first "
            f"{found.entries} entries are kept and the others made anew; the damaged file is kept "
            f"as {copy.name}."
        )
    with journal.open("r+b") as file:
        file.truncate(found.good)
    return done


def _examine(content: bytes) -> _Contents:
    lines = content.splitlines(keepends=True)
    whole = next((n for n, line in enumerate(lines) if not _is_whole(line)), len(lines))
    good = sum(map(len, lines[:whole]))
    rest = content[good:]
    readable = whole > 0 or _is_torn_end(rest) or any(map(_is_whole, lines))
    return _Contents(whole, good, len(content), rest, readable)


def _is_torn_end(rest: bytes) -> bool:
    return b"\n" not in rest and b'{"'.startswith(rest[:2])


def _is_whole(line: bytes) -> bool:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return False
    is_entry = isinstance(entry, dict) and "op_code" in entry
    return is_entry and line.endswith(b"\n") and is_intact(entry)
