"""The document of a run, also of one that is not finished."""

from __future__ import annotations

from typing import Any

from nas_kd.report.progress import progress_document
from studies.run_directory import ENDED, FOUND, RunDirectory


def read_document(run: RunDirectory) -> dict[str, Any]:
    """What ``nas-kd search --json`` printed for this run, or as much of it as is known so far.

    An unfinished run has no ``student``, and while a command works on it the ``progress`` of that;
    one that ended without a student has the ``reason``.
    """
    return run.read_result() or _partial(run)


def _partial(run: RunDirectory) -> dict[str, Any]:
    recipe = run.recipe
    document: dict[str, Any] = {
        "schema": "nas-kd.search/1",
        "run_dir": str(run.path),
        "seed": recipe.seed,
        "space": {"name": recipe.space.name, "options": dict(recipe.space.options)},
        "teacher": run.read_state("teacher"),
        "budget": {"limits": list(recipe.budget.limits), "device": recipe.budget.device},
        "proxies": list(recipe.search.proxies),
        "objectives": list(recipe.search.objectives),
        "trials": recipe.search.trials,
        "seconds": run.read_state("seconds"),
        "progress": progress_document(run),
        "evaluated": 0,
        "unique": 0,
        "feasible": 0,
        "front": [],
        "finalists": [],
        "student": None,
    }
    return document | (run.read_state(FOUND) or {}) | (run.read_state(ENDED) or {})
