"""The document of a run, also of one that is not finished."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from nas_kd.report.journal_front import JournalFront
from nas_kd.report.progress import read_progress
from studies.run_directory import FOUND, RunDirectory


def read_document(run: RunDirectory) -> dict[str, Any]:
    """What ``nas-kd search --json`` printed for this run, or as much of it as is known so far.

    An unfinished run has no ``student``, and while a command works on it the ``progress`` of that.
    """
    return RunReader(run).read()


class RunReader:
    """Reads the document of a run again and again, each time only what is new."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._journal = JournalFront(run)

    def read(self) -> dict[str, Any]:
        """The document at this moment; see `read_document`."""
        return self._run.read_result() or self._partial()

    def _partial(self) -> dict[str, Any]:
        run, recipe = self._run, self._run.recipe
        progress = read_progress(run)
        document: dict[str, Any] = {
            "schema": "nas-kd.search/1",
            "run_dir": str(run.path),
            "seed": recipe.seed,
            "space": {"name": recipe.space.name, "options": dict(recipe.space.options)},
            "teacher": run.read_state("teacher"),
            "budget": {"limits": list(recipe.budget.limits), "device": recipe.budget.device},
            "proxies": list(recipe.search.proxies),
            "trials": recipe.search.trials,
            "seconds": run.read_state("seconds"),
            "progress": None if progress is None else asdict(progress),
            "front": [],
            "finalists": [],
            "student": None,
        }
        return document | (run.read_state(FOUND) or self._journal.read())
