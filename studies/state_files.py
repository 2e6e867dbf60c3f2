"""What the phases of a run keep: small sealed JSON files, and checksums of larger files."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nas_kd.file_digest import sha256
from nas_kd.sealed import unsealed, write_sealed


class ToldOnce:
    """Passes every message on once.

    Attributes:
        say: Where to; on stderr until somebody else listens.
    """

    def __init__(self) -> None:
        self.say: Callable[[str], None] = _print_on_stderr
        self._told: set[str] = set()

    def __call__(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            self.say(message)


class StateFiles:
    """The states in one folder, by name. What is damaged counts as lost, and that is told.

    Args:
        folder: Made when the first state is written.
        tell: Told of what is damaged.
    """

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        self._folder = folder
        self._tell = tell

    def read(self, name: str) -> dict[str, Any] | None:
        """What was written under ``name``; None when there is nothing, or nothing whole."""
        path = self._path(name)
        if not path.is_file():
            return None
        try:
            return unsealed(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            self._tell(f"{path} is damaged ({error}); what it held counts as lost, and is redone.")
            return None

    def write(self, name: str, state: Mapping[str, Any]) -> None:
        """Replaces what was written under ``name``.

        Raises:
            OSError: It cannot be written; the earlier state is left as it was.
        """
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_sealed(path, state)

    def forget(self, name: str) -> None:
        """Removes what was written under ``name``, if anything."""
        self._path(name).unlink(missing_ok=True)

    def vouch(self, file: Path, content: bytes) -> None:
        """Keeps the checksum of what ``file`` holds, or is about to hold."""
        self.write(_voucher(file), {"sha256": hashlib.sha256(content).hexdigest()})

    def is_damaged(self, file: Path) -> bool:
        """Whether ``file`` holds something else than what was vouched for; False if nothing was."""
        voucher = self.read(_voucher(file))
        if voucher is None:
            return False
        damaged = bool(sha256(file) != voucher["sha256"])
        if damaged:
            self._tell(f"{file} is damaged: it is left out, and a search here makes it anew.")
        return damaged

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _voucher(file: Path) -> str:
    return f"checksums/{file.name}"


def _print_on_stderr(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
