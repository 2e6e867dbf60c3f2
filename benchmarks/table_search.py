"""A search of the suite over a table: every score and accuracy is known, nothing is built."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import torch

from benchmarks.nb201_cells import SPACE
from nas_kd.costs import Budget
from search_spaces import Arch, Task
from studies.candidates import Candidate
from studies.evaluator import Evaluator
from studies.fusions import Fusion
from studies.observer import SilentObserver
from studies.recipe_files import parse_recipe
from studies.run_directory import RunDirectory
from studies.search import Search
from studies.search_result import SearchResult

TASK = Task(3, 32, 10)
_NOT_THERE = {"macs": 1.0}
"""Violation of a cell that is not in the pool: twice too large, so that it is never chosen."""


@dataclass(frozen=True)
class Method:
    """How a search scores.

    Attributes:
        proxies: Proxies and sizes.
        fusion: How the study makes one score of them.
        blind: Takes any of the candidates.
    """

    proxies: tuple[str, ...]
    fusion: Fusion = "reference"
    blind: bool = False


@dataclass(frozen=True)
class Pool:
    """Functions of NAS-Bench-201 that may be chosen.

    Attributes:
        table: One row a function: ``arch``, ``accuracy``, ``macs``, ``params`` and the scores.
        budget: Such as ``macs=100M``.
    """

    table: pd.DataFrame
    budget: str

    def accuracies(self) -> Mapping[str, float]:
        """Key of a function to its accuracy."""
        keys = (arch.key for arch in self.table["arch"])
        return dict(zip(keys, self.table["accuracy"], strict=True))

    def candidates(self, proxies: tuple[str, ...]) -> list[Candidate]:
        """Every function of the space: scored in the pool, else over the budget."""
        rows = {row["arch"]: row for row in self.table.to_dict("records")}
        limits = Budget.parse([self.budget]).limits({})
        found = []
        for arch, macs, params in _functions():
            if arch in rows:
                violations = limits.violations({"macs": macs, "params": params})
                scores = {name: float(rows[arch][name]) for name in proxies}
                found.append(Candidate(arch, macs, params, violations, scores))
            else:
                found.append(Candidate(arch, macs, params, _NOT_THERE))
        return found


@cache
def _functions() -> list[tuple[Arch, int, int]]:
    """Each function of the space with its MACs and parameters."""
    distinct = dict.fromkeys(map(SPACE.canonical, SPACE.enumerate()))
    sizes = [SPACE.sizes(arch, TASK) for arch in distinct]
    return [(a, int(s.macs), int(s.params)) for a, s in zip(distinct, sizes, strict=True)]


class _KnowingEvaluator(Evaluator):
    """Knows every function of the space beforehand."""

    def within_budget(self, arch: Arch) -> bool:
        return self.known[SPACE.canonical(arch).key].feasible


def chosen(pool: Pool, method: Method, *, sampler: str, trials: int, seed: int) -> float:
    """The accuracy of what one search picks; of equally good ones, their mean.

    Args:
        pool: What may be picked.
        method: How it is scored.
        sampler: Of the suite.
        trials: Proposed by it, duplicates and functions over the budget included.
        seed: Of the sampler.
    """
    result = search(pool, method, sampler=sampler, trials=trials, seed=seed)
    ranked = [c for c in result.unique if c.feasible and c.scores]
    if method.blind:
        best = [ranked[int(np.random.default_rng(seed).integers(len(ranked)))]]
    else:
        scores = np.array([result.objectives.score(c) for c in ranked])
        best = [c for c, score in zip(ranked, scores, strict=True) if score == scores.max()]
    accuracies = pool.accuracies()
    return float(np.mean([accuracies[candidate.key] for candidate in best]))


def search(pool: Pool, method: Method, *, sampler: str, trials: int, seed: int) -> SearchResult:
    """One study of the suite, with every candidate known beforehand."""
    recipe = parse_recipe(
        {
            "seed": seed,
            "space": {"name": SPACE.name},
            "budget": {"limits": [pool.budget]},
            "search": {
                "sampler": sampler,
                "trials": trials,
                "proxies": list(method.proxies),
                "fusion": method.fusion,
                "objectives": ["score"],
            },
        }
    )
    evaluator = _KnowingEvaluator(
        SPACE,
        TASK,
        limits=Budget.parse([pool.budget]).limits({}),
        proxies=method.proxies,
        images=torch.zeros(2, 3, 32, 32),
        labels=torch.zeros(2, dtype=torch.int64),
        teacher=None,
        seed=seed,
    )
    for candidate in pool.candidates(method.proxies):
        evaluator.remember(candidate)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        run = RunDirectory.create_or_continue(Path(folder) / "run", recipe)
        return Search(recipe, run, SPACE, evaluator, SilentObserver()).run()
