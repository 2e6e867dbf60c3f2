"""Whether a journal file holds any trial, told without Optuna."""

from __future__ import annotations

import json
from pathlib import Path

_FIRST_OF_TRIALS = 4
"""Optuna's codes below it are about the study itself."""


def holds_trials(journal: Path) -> bool:
    """Whether an entry of the file is of a trial, or is damaged so that it may have been.

    What a kill left of the last entry is none.

    Args:
        journal: The file; it need not exist.
    """
    if not journal.is_file():
        return False
    with journal.open("rb") as lines:
        return any(line.endswith(b"\n") and not _is_of_study(line) for line in lines)


def _is_of_study(line: bytes) -> bool:
    try:
        return bool(json.loads(line)["op_code"] < _FIRST_OF_TRIALS)
    except (ValueError, TypeError, LookupError, RecursionError):
        return False
