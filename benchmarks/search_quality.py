"""Which proxy picks the best cell? 30 studies each, with trained accuracy as the judge.

    python -m benchmarks.search_quality [--seeds 30] [--trials 500] [--budget 100M]

A study looks at random candidates of NAS-Bench-201 within the MACs budget, scored on real CIFAR-10
images, and picks the best-scored one. The candidates of a seed are the same for all proxies, so
that differences between proxies are paired; only the shared cells take part. A pick is judged by
the mean CIFAR-100 test accuracy after 200 epochs of the cells that compute its function, which no
proxy sees. AZ-NAS is the fusion by log-ranks of its four terms over the candidates of the study,
``random`` takes the first candidate. All shared functions within the budget are scored once, which
takes about half an hour on two cores and is kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.nb201_cells import SPACE, scoring, shared_cells
from benchmarks.proxy_scores import scores_of
from benchmarks.record import write_rows
from nas_kd.costs import Budget
from proxies import log_rank_fusion
from search_spaces import Task

OURS = "trainable_width"
AZ_NAS = ("az_expressivity", "az_progressivity", "az_trainability", "macs")
SCORED = (OURS, "diswot", "naswot", *AZ_NAS[:3])
TARGET = "c100_test_200"

Pick = Callable[[pd.DataFrame], int]
"""From the candidates of a study, in the order in which they came, to the row of the chosen."""


def _best(name: str) -> Pick:
    """The largest score; of equal ones fewer MACs, then the first."""

    def pick(candidates: pd.DataFrame) -> int:
        ordered = candidates.sort_values([name, "macs"], ascending=[False, True], kind="stable")
        return int(ordered.index[0])

    return pick


def _az_nas(candidates: pd.DataFrame) -> int:
    return int(log_rank_fusion(candidates[list(AZ_NAS)]).idxmax())


def _random(candidates: pd.DataFrame) -> int:
    return int(candidates.index[0])


METHODS: dict[str, Pick] = {
    OURS: _best(OURS),
    "diswot": _best("diswot"),
    "naswot": _best("naswot"),
    "az_nas": _az_nas,
    "params": _best("params"),
    "random": _random,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--budget", default="100M")
    options = parser.parse_args()
    pool = _pool(options.budget)
    picks = {
        name: [pick(_candidates(pool, options.trials, seed)) for seed in range(options.seeds)]
        for name, pick in track(METHODS.items(), "studies", console=Console(stderr=True))
    }
    rows = [_row(name, pool, np.array(chosen), options) for name, chosen in picks.items()]
    _show(rows)
    Console().print(f"rows in {write_rows('search_quality', rows)}")


def _pool(budget: str) -> pd.DataFrame:
    """The shared functions within the budget: sizes, scores and mean accuracy, one row each."""
    cells = shared_cells()
    truth = cells.groupby("function", sort=False)[TARGET].mean()
    archs = list(truth.index)
    sizes = [SPACE.sizes(arch, Task(3, 32, 10)) for arch in archs]
    pool = pd.DataFrame(
        {
            "arch": archs,
            TARGET: truth.to_numpy(),
            "macs": [size.macs for size in sizes],
            "params": [size.params for size in sizes],
        }
    )
    limits = Budget.parse([f"macs={budget}"]).limits({})
    pool = pool[pool["macs"] <= limits.values["macs"]].reset_index(drop=True)
    return pool.join(scores_of(list(pool["arch"]), SCORED, scoring(0)))


def _candidates(pool: pd.DataFrame, trials: int, seed: int) -> pd.DataFrame:
    """Random rows of the pool, in the order in which a study with this seed proposes them."""
    drawn = np.random.default_rng(seed).choice(len(pool), min(trials, len(pool)), replace=False)
    return pool.loc[drawn]


def _row(
    name: str, pool: pd.DataFrame, picks: np.ndarray, options: argparse.Namespace
) -> dict[str, Any]:
    accuracies = pool.loc[picks, TARGET].to_numpy()
    error = float(accuracies.std(ddof=1) / np.sqrt(len(accuracies)))
    return {
        "method": name,
        "target": TARGET,
        "mean_accuracy": float(accuracies.mean()),
        "low": float(accuracies.mean()) - 1.96 * error,
        "high": float(accuracies.mean()) + 1.96 * error,
        "worst": float(accuracies.min()),
        "best_in_budget": float(pool[TARGET].max()),
        "seeds": options.seeds,
        "trials": options.trials,
        "budget": f"macs={options.budget}",
        "functions_in_budget": len(pool),
    }


def _show(rows: list[dict[str, Any]]) -> None:
    table = Table("method", "CIFAR-100 accuracy of the pick", "95 %", "worst")
    for row in sorted(rows, key=lambda row: -row["mean_accuracy"]):
        table.add_row(
            row["method"], f"{row['mean_accuracy']:.2f}",
            f"{row['low']:.2f} to {row['high']:.2f}", f"{row['worst']:.2f}",
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
