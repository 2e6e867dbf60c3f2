"""The document of a run, also of one that is not finished."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from studies.run_directory import RunDirectory

if TYPE_CHECKING:
    import pandas as pd


def read_document(run: RunDirectory) -> dict[str, Any]:
    """What ``nas-kd search --json`` printed for this run, or as much of it as is known so far.

    An unfinished run has no ``student``; before its search is over it has no ``front`` either, only
    the number of candidates in its journal.
    """
    return run.read_result() or _partial(run)


def _partial(run: RunDirectory) -> dict[str, Any]:
    recipe, candidates = run.recipe, run.read_candidates()
    document: dict[str, Any] = {
        "schema": "nas-kd.search/1",
        "run_dir": str(run.path),
        "seed": recipe.seed,
        "space": {"name": recipe.space.name, "options": dict(recipe.space.options)},
        "teacher": run.read_state("teacher"),
        "budget": {"limits": list(recipe.budget.limits), "device": recipe.budget.device},
        "proxies": list(recipe.search.proxies),
        "seconds": run.read_state("seconds"),
        "front": [],
        "finalists": [],
        "student": None,
    }
    if len(candidates):
        return document | _from_table(candidates, run)
    return document | _from_journal(run)


def _from_table(candidates: pd.DataFrame, run: RunDirectory) -> dict[str, Any]:
    from search_spaces import Arch, create_space

    section, proxies = run.recipe.space, run.recipe.search.proxies
    space = create_space(section.name, **section.options)
    distinct = candidates.drop_duplicates("key")
    front = distinct[distinct["front"].astype(bool)].sort_values("score", ascending=False)
    return {
        "evaluated": len(candidates),
        "unique": len(distinct),
        "feasible": int(distinct["feasible"].astype(bool).sum()),
        "front": [
            {
                "arch": json.loads(row["arch"]),
                "description": space.describe(Arch.from_json(row["arch"])),
                "macs": int(row["macs"]),
                "params": int(row["params"]),
                "latency_ms": float(row["latency_ms"]),
                "scores": {name: float(row[name]) for name in ("score", *proxies)},
            }
            for _, row in front.iterrows()
        ],
    }


def _from_journal(run: RunDirectory) -> dict[str, Any]:
    if not run.journal.is_file():
        return {"evaluated": 0, "unique": 0, "feasible": 0}
    import optuna

    from studies.journal import open_storage
    from studies.trials import candidate_of

    study = optuna.load_study(study_name=None, storage=open_storage(run.journal))
    known = {}
    for trial in study.get_trials(deepcopy=False):
        candidate = candidate_of(trial)
        known[candidate.key] = candidate.feasible
    return {
        "evaluated": len(study.get_trials(deepcopy=False)),
        "unique": len(known),
        "feasible": sum(known.values()),
    }
