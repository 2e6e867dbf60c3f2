"""The document of a run, also of one that is not finished."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nas_kd.report.journal_front import JournalFront
from nas_kd.report.progress import read_progress
from studies.run_directory import RunDirectory

if TYPE_CHECKING:
    import pandas as pd


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
        self._table: tuple[int, dict[str, Any]] | None = None

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
        return document | (self._from_table() or self._journal.read())

    def _from_table(self) -> dict[str, Any] | None:
        """What the table of candidates says, which is written when the search is over."""
        path = self._run.candidates_csv
        if not path.is_file():
            return None
        stamp = path.stat().st_mtime_ns
        if self._table is None or self._table[0] != stamp:
            candidates = self._run.read_candidates()
            if not len(candidates):
                return None
            self._table = (stamp, _of_candidates(candidates, self._run))
        return self._table[1]


def _of_candidates(candidates: pd.DataFrame, run: RunDirectory) -> dict[str, Any]:
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
                "latency_ms": _known(row["latency_ms"]),
                "predicted_latency_ms": _known(row.get("predicted_latency_ms", math.nan)),
                "scores": {name: float(row[name]) for name in ("score", *proxies)},
            }
            for _, row in front.iterrows()
        ],
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
