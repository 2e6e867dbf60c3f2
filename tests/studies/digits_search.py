"""A short search on real digits, in this process or as one of several: ``python -m`` runs a peer.

python -m tests.studies.digits_search RUN_DIRECTORY TRIALS [STORAGE_URL]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import load_digits

from nas_kd.costs import Budget
from search_spaces import Task, create_space
from studies.observer import SilentObserver
from studies.recipe import Recipe
from studies.recipe_files import load_recipe
from studies.run_directory import RunDirectory
from studies.search import Search
from studies.search_result import SearchResult
from studies.shared import SharedCrew, SharedStudy, shared_study
from studies.trials import candidate_of, duplicate_of
from studies.workers import Crew, Evaluation, LocalCrew, open_workers

SPACE = {"channels": 4, "cells_per_stage": 1}
TEACHER = {"macs": 200_000.0, "params": 100_000.0, "latency_ms": 1.0}
STUDY = "digits"


def recipe(trials: int = 60, **overrides: Any) -> Recipe:
    settings = {
        "search.trials": trials,
        "search.batch_size": 20,
        "search.proxies": ["naswot", "params"],
        "budget.limits": ["macs=60%"],
    }
    return load_recipe("digits", {**settings, **overrides})


def evaluation(of: Recipe) -> Evaluation:
    digits = load_digits()
    return Evaluation(
        "nasbench201",
        SPACE,
        Task(1, 8, 10),
        limits=Budget.parse(of.budget.limits).limits(TEACHER),
        latency=None,
        proxies=of.search.proxies,
        images=torch.tensor(digits.images[:16] / 16, dtype=torch.float32)[:, None],
        labels=torch.tensor(digits.target[:16]),
        teacher=None,
        seed=0,
    )


def search(of: Recipe, path: Path, shared: SharedStudy | None = None) -> SearchResult:
    """Searches with ``of.search.workers`` workers; a shared study's run is there and locked."""
    evaluated = evaluation(of)
    evaluator = evaluated.evaluator()
    run = RunDirectory.create_or_continue(path, of) if shared is None else RunDirectory(path)
    observer = SilentObserver()
    with open_workers(evaluated, evaluator, of.search.workers) as workers:
        crew: Crew = LocalCrew(workers, evaluator, observer.note)
        if shared is not None:
            crew = SharedCrew(shared.work, workers, evaluator, observer.note)
        space = create_space("nasbench201", **SPACE)
        return Search(of, run, space, evaluator, observer, crew, shared).run()


def rows(result: SearchResult) -> list[tuple[Any, ...]]:
    return [
        (t.number, candidate_of(t), tuple(t.values), duplicate_of(t), t.params)
        for t in result.trials
    ]


def main(path: str, trials: str, url: str) -> None:
    ours = recipe(int(trials))
    run = RunDirectory.create_or_continue(Path(path), ours)
    with run.lock(), shared_study(url, STUDY, ours, run) as shared:
        result = search(ours, run.path, shared)
        with shared.finishing() as other:
            print(len(result.trials), "finishes" if other is None else "leaves it", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
