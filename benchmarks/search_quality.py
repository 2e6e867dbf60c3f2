"""Which proxy picks the best cell? Searches of the suite, with trained accuracy as the judge.

    python -m benchmarks.search_quality [--score-seeds 5] [--studies 6] [--trials 500]
        [--budget macs=100M]

Each search is a study of the suite over NAS-Bench-201 within a MACs budget, with one objective, the
score, and the samplers ``random`` and ``nsga2``; its candidates' scores were found beforehand, on
64 real CIFAR-10 images of 16 x 16. A score seed draws images, weights and noise, a study seed the
candidates: all are crossed, 30 searches a method. What a search picks is judged by the mean
CIFAR-100 test accuracy after 200 epochs of the cells that compute the same, which no proxy sees; of
picks with equal scores by their mean. Cells without a known accuracy count as over the budget.

``all`` are all shared functions, ``report`` those of the half on which our proxy was not chosen.
Intervals are Student's over score seeds and study seeds as crossed random effects, with the degrees
of freedom of the rarer kind. ``ours_minus`` is the paired difference of ours and the method, over
the same seeds. AZ-NAS and jacov with params are fused by log-ranks among all candidates of the
study so far, DisWOT, naswot and synflow on the scale of a reference sample.

All shared functions within the budget are scored once for each score seed: hours on two cores; an
interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import math
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import t

from benchmarks.kept_facts import KeptFacts
from benchmarks.nb201_cells import SPACE, scoring, shared_cells
from benchmarks.own_proxy import FUSED, OURS
from benchmarks.proxy_scores import scores_of
from benchmarks.record import write_rows
from benchmarks.table_search import TASK, Method, Pool, chosen
from nas_kd.cli.console import quiet_libraries
from nas_kd.costs import Budget
from nas_kd.user_cache import user_cache
from studies.fusions import PRESETS
from studies.ranking.code_digest import code_digest
from studies.ranking.score_settings import score_settings

TARGET = "c100_test_200"
AZ_NAS = PRESETS["az_nas"]
METHODS = {
    OURS: Method((OURS,)),
    "diswot": Method(("diswot",)),
    "naswot": Method(("naswot",)),
    "+".join(FUSED): Method(FUSED),
    "az_nas": Method(AZ_NAS.proxies, AZ_NAS.fusion),
    "jacov+params": Method(("jacov", "params"), "log-rank"),
    "params": Method(("params",)),
    "random": Method(("params",), blind=True),
}
_SIZES = ("params", "macs")
SAMPLERS = ("random", "nsga2")
_COVERED = 0.95


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--score-seeds", type=int, default=5)
    parser.add_argument("--studies", type=int, default=6)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--budget", default="macs=100M")
    options = parser.parse_args()
    quiet_libraries()
    truth = functions_within(options.budget)
    scores = [scored_pool(truth, METHODS, seed) for seed in range(options.score_seeds)]
    rows = quality(scores, METHODS, options.studies, options.trials, options.budget)
    _show(rows)
    Console().print(f"rows in {write_rows('search_quality', rows)}")


def functions_within(budget: str) -> pd.DataFrame:
    """The shared functions within the budget: arch, half, mean accuracy and sizes, one row each."""
    cells = shared_cells()
    grouped = cells.groupby("function", sort=False)
    truth = grouped.agg(accuracy=(TARGET, "mean"), half=("half", "first")).reset_index(names="arch")
    sizes = [SPACE.sizes(arch, TASK) for arch in truth["arch"]]
    truth["macs"] = [float(size.macs) for size in sizes]
    truth["params"] = [float(size.params) for size in sizes]
    limits = Budget.parse([budget]).limits({})
    fits = [
        all(v <= 0 for v in limits.violations({"macs": m, "params": p}).values())
        for m, p in zip(truth["macs"], truth["params"], strict=True)
    ]
    return truth[fits].reset_index(drop=True)


def scored_pool(truth: pd.DataFrame, methods: Mapping[str, Method], seed: int) -> pd.DataFrame:
    """The functions with all scores that the methods need, by one score seed."""
    needed = dict.fromkeys(name for method in methods.values() for name in method.proxies)
    proxies = [name for name in needed if name not in _SIZES]
    return truth.join(scores_of(list(truth["arch"]), proxies, scoring(seed)))


def quality(
    scores: Sequence[pd.DataFrame],
    methods: Mapping[str, Method],
    studies: int,
    trials: int,
    budget: str,
) -> list[dict[str, Any]]:
    """One row a set of functions, sampler and method.

    Args:
        scores: The functions with their scores, one frame for each score seed.
        methods: By name; `OURS` is among them.
        studies: Study seeds, crossed with the score seeds.
        trials: Of each search.
        budget: Limit of all of them.
    """
    kept = KeptFacts(user_cache() / "benchmarks" / f"search-quality-{_digest(scores, budget)}")
    rows = []
    for half in ("report", "all"):
        pools = [
            Pool(frame[frame["half"] == half] if half != "all" else frame, budget)
            for frame in scores
        ]
        for sampler in SAMPLERS:
            picks = {
                name: _picks(kept, half, pools, method, sampler, studies, trials)
                for name, method in track(
                    methods.items(), f"{half}, {sampler}", console=Console(stderr=True)
                )
            }
            rows += [
                {
                    "functions": half,
                    "sampler": sampler,
                    "method": name,
                    "target": TARGET,
                    "proxies": "+".join(methods[name].proxies),
                    **_summary("mean_accuracy", "", found),
                    "worst": float(found.min()),
                    **_summary("ours_minus", "ours_minus_", picks[OURS] - found),
                    "best_in_budget": float(pools[0].table["accuracy"].max()),
                    "score_seeds": len(scores),
                    "studies": studies,
                    "trials": trials,
                    "budget": budget,
                    "functions_in_budget": len(pools[0].table),
                    **scoring(0).facts,
                }
                for name, found in picks.items()
            ]
    return rows


def _picks(
    kept: KeptFacts,
    half: str,
    pools: Sequence[Pool],
    method: Method,
    sampler: str,
    studies: int,
    trials: int,
) -> np.ndarray:
    """Accuracies of the picks, ``(score seed, study)``."""
    how = "blind" if method.blind else method.fusion
    name = f"{half}-{sampler}-{'+'.join(method.proxies)}-{how}-{trials}"
    return np.array(
        [
            [
                kept.once(
                    f"{name}-{number}-{study}",
                    lambda pool=pool, study=study: {  # type: ignore[misc]
                        "accuracy": chosen(pool, method, sampler=sampler, trials=trials, seed=study)
                    },
                )["accuracy"]
                for study in range(studies)
            ]
            for number, pool in enumerate(pools)
        ]
    )


def _digest(scores: Sequence[pd.DataFrame], budget: str) -> str:
    """What the picks rest on: the code of scores and studies, the functions and the budget."""
    here = Path(__file__).parent
    studies = code_digest([*(here.parent / "studies").rglob("*.py"), here / "table_search.py"])
    code = score_settings(scoring(0).recipe())["code"]
    facts = [code, studies, version("optuna"), budget, *(str(len(frame)) for frame in scores)]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:8]


def _summary(name: str, prefix: str, values: np.ndarray) -> dict[str, float]:
    """Mean of ``(score seed, study)`` and its interval; NaN without two seeds of one kind.

    The variance of the mean adds that of the seeds' means of each kind, and takes away once what
    both hold, the residual; it is not let below either. A kind with one seed tells nothing of its
    spread and is left out. Degrees of freedom: one less than the seeds of the rarer kind.
    """
    mean = float(values.mean())
    counts = [count for count in values.shape if count > 1]
    of_means = [
        values.mean(1 - axis).var(ddof=1) / n for axis, n in enumerate(values.shape) if n > 1
    ]
    half = math.nan
    if counts:
        variance = max([sum(of_means) - _residual(values), *of_means])
        half = float(t.ppf((1 + _COVERED) / 2, min(counts) - 1) * math.sqrt(variance))
    return {name: mean, f"{prefix}low": mean - half, f"{prefix}high": mean + half}


def _residual(values: np.ndarray) -> float:
    """Its part of the variance of the mean, where both kinds have seeds to tell it from."""
    if min(values.shape) < 2:
        return 0.0
    rows, columns = values.mean(1, keepdims=True), values.mean(0, keepdims=True)
    rest = values - rows - columns + values.mean()
    freedom = (values.shape[0] - 1) * (values.shape[1] - 1)
    return float((rest**2).sum() / freedom / values.size)


def _show(rows: Sequence[dict[str, Any]]) -> None:
    table = Table("functions", "sampler", "method", "accuracy", "95 %", "worst", "ours minus")
    for row in sorted(rows, key=lambda r: (r["functions"], r["sampler"], -r["mean_accuracy"])):
        table.add_row(
            row["functions"], row["sampler"], row["method"], f"{row['mean_accuracy']:.2f}",
            f"{row['low']:.2f} to {row['high']:.2f}", f"{row['worst']:.2f}",
            f"{row['ours_minus_low']:.2f} to {row['ours_minus_high']:.2f}",
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
