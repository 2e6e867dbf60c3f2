"""Notes that people write in the dashboard, in a file of the run beside its journal."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas_kd.errors import UsageError
from nas_kd.whole_files import write_whole

STUDY_NOTE = re.compile(r"dashboard:note_(ver|str:\d+)")
_NOTE = re.compile(r"dashboard:(\d+:)?note_(ver|str:\d+)")


class KeptNotes:
    """The attributes in which the dashboard puts notes on the study and on trials.

    Args:
        path: The file; it is made with the first note.

    Raises:
        UsageError: The file is there and damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._attributes = _read(path) if path.is_file() else {}

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Name to value of every attribute kept so far."""
        return self._attributes

    @property
    def on_study(self) -> bool:
        """Whether somebody has written a note on the study."""
        return any(STUDY_NOTE.fullmatch(name) for name in self._attributes)

    @staticmethod
    def accepts(name: str) -> bool:
        """Whether an attribute is part of a note."""
        return _NOTE.fullmatch(name) is not None

    def keep(self, name: str, value: Any) -> None:
        """Keeps an attribute, on disk before this returns.

        Raises:
            OSError: The file cannot be written.
        """
        with self._lock:
            attributes = {**self._attributes, name: value}
            write_whole(self._path, json.dumps(attributes, indent=2))
            self._attributes = attributes


def _read(path: Path) -> dict[str, Any]:
    try:
        attributes = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(attributes, dict):
            raise ValueError("no JSON object")
    except (OSError, ValueError) as error:
        raise UsageError(
            f"dashboard: {path} cannot be read ({error}). It holds the notes written in the "
            "dashboard: restore or delete it."
        ) from error
    return {name: value for name, value in attributes.items() if KeptNotes.accepts(name)}
