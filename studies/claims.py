"""Directories of runs without trials, each tied to what decides its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nas_kd.errors import UsageError
from nas_kd.folder_lock import made_and_locked
from nas_kd.frozen_jobs import changed_names
from studies.run_directory import LESSON, SUPERNET_SEARCH, RunDirectory

_WORDS = {SUPERNET_SEARCH: "search", LESSON: "training"}


def claim(run: RunDirectory, kind: str, job: Mapping[str, Any], work: Sequence[str]) -> None:
    """Ties the directory to ``job``, since what is in it fits no other.

    One that ended before it left any work, as by a wrong column or a budget that nobody meets,
    takes the new job.

    Args:
        run: The directory.
        kind: `SUPERNET_SEARCH` or `LESSON`.
        job: All that decides the result, as JSON values by name.
        work: Patterns of files and folders in it that no other job may replace.

    Raises:
        UsageError: It holds work of another job, or another kind of run, or another command is at
            work in it, or a file stands in its place. Nothing is changed then.
        NasKdError: It cannot be written.
    """
    run.refuse_others_than(kind)
    kept = run.read_state(kind) or {}
    changed = changed_names(kept, job)
    if kept and changed and any(True for pattern in work for _ in run.path.glob(pattern)):
        raise UsageError(
            f"run directory: {run.path} holds another {_WORDS[kind]} ({', '.join(changed)} "
            "changed). Name another --run-dir."
        )
    if not changed:
        return
    with made_and_locked(run.path):
        run.result_json.unlink(missing_ok=True)
        run.write_state(kind, job)
        run.log.touch()
