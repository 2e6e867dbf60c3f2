"""The document of a run that was moved or renamed since it was written."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_COMMANDS = "next"


def at_place(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The document with every path of the run as ``path`` leads there.

    Args:
        document: Its ``run_dir`` is where the run lay when it was written; without one there is
            nothing to change. ``next`` are commands for a shell.
        path: The directory of the run.
    """
    before, now = document.get("run_dir"), str(path)
    if not isinstance(before, str) or before == now:
        return dict(document)

    def moved(text: str) -> str:
        inside = text == before or text.startswith(before + os.sep)
        return now + text.removeprefix(before) if inside else text

    changed: dict[str, Any] = _changed(document, moved)
    if _COMMANDS in document:
        changed[_COMMANDS] = [
            shlex.join(map(moved, shlex.split(command))) for command in document[_COMMANDS]
        ]
    return changed


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    """The JSON value with every text in it changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {name: _changed(part, change) for name, part in value.items()}
    if isinstance(value, list):
        return [_changed(part, change) for part in value]
    return value
