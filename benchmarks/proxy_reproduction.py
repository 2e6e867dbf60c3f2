"""Do our proxies rank NAS-Bench-201 as they do where they were published?

    python -m benchmarks.proxy_reproduction [--cells 1000] [--seed 0]

Random cells of all shared ones, built as the table writes them (unreachable operations included)
in the benchmark's own skeleton, on 64 real CIFAR-10 images reduced to 16 x 16, against CIFAR-10
test accuracy after 200 epochs. Beside the published correlation, which is of all 15,625 cells (of
the 9,445 unique ones for grad_norm and jacov), stands that of the values of NAS-Bench-Suite-Zero
on those of the drawn cells that it lists, and ours on the same ones. AZ-NAS is the fusion by
log-ranks of its four terms. About 20 minutes on two cores; an interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.cifar10 import data_file
from benchmarks.nb201_cells import SPACE, scoring, shared_cells
from benchmarks.proxy_scores import scores_of
from benchmarks.record import write_rows
from proxies import log_rank_fusion
from search_spaces import Task
from studies.ranking.judge import Judge

TARGET = "c10_test_200"
AZ_NAS = ("az_expressivity", "az_progressivity", "az_trainability", "macs")


@dataclass(frozen=True)
class Published:
    """A published correlation with CIFAR-10 test accuracy.

    Attributes:
        rho: Spearman's.
        tau: Kendall's.
        source: Where it stands.
        column: Of the same proxy in NAS-Bench-Suite-Zero.
    """

    rho: float
    tau: float
    source: str
    column: str | None = None


_APD = "APD (NeurIPS 2025), table 2, all cells"
_SUITE = "NAS-Bench-Suite-Zero values, unique cells"
PUBLISHED = {
    "params": Published(0.751, 0.576, _APD, "c10_params"),
    "naswot": Published(0.743, 0.557, _APD, "c10_nwot"),
    "synflow": Published(0.769, 0.571, _APD, "c10_synflow"),
    "snip": Published(0.614, 0.455, _APD, "c10_snip"),
    "grad_norm": Published(0.550, 0.399, _SUITE, "c10_grad_norm"),
    "jacov": Published(0.818, 0.632, _SUITE, "c10_jacov"),
    "zico": Published(0.784, 0.589, _APD),
    "az_nas": Published(0.913, 0.741, "AZ-NAS (CVPR 2024), table 1, all cells"),
}
SCORED = ("naswot", "synflow", "snip", "grad_norm", "jacov", "zico", *AZ_NAS[:3])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cells = _draw(options.cells, options.seed)
    scores = _scores(cells, options.seed)
    rows = [_row(name, cells, scores[name]) for name in PUBLISHED]
    _show(rows)
    Console().print(f"rows in {write_rows('proxy_reproduction', rows)}")


def _draw(count: int, seed: int) -> pd.DataFrame:
    cells = shared_cells().sample(count, random_state=seed).reset_index(drop=True)
    suite = pd.read_csv(data_file("nb201_zc.csv.gz"))
    return cells.merge(suite, on="idx", how="left", suffixes=("", "_suite"))


def _scores(cells: pd.DataFrame, seed: int) -> pd.DataFrame:
    archs = [SPACE.parse(text) for text in cells["arch"]]
    scores = scores_of(archs, SCORED, scoring(seed))
    sizes = [SPACE.sizes(arch, Task(3, 32, 10)) for arch in archs]
    scores["params"] = [size.params for size in sizes]
    scores["macs"] = [size.macs for size in sizes]
    scores["az_nas"] = log_rank_fusion(scores[list(AZ_NAS)])
    return scores


def _row(name: str, cells: pd.DataFrame, scores: pd.Series) -> dict[str, Any]:
    published = PUBLISHED[name]
    found = _judge(cells).rate(scores.to_numpy(float))
    row = {
        "proxy": name,
        "cells": len(cells),
        "rho": found.rho,
        "rho_low": found.rho_ci[0],
        "rho_high": found.rho_ci[1],
        "published_rho": published.rho,
        "tau": found.tau,
        "published_tau": published.tau,
        "published_in": published.source,
        "nan": found.nan,
    }
    if published.column is None:
        return row
    listed = cells[published.column].notna().to_numpy()
    judge = _judge(cells[listed])
    return {
        **row,
        "listed_cells": int(listed.sum()),
        "rho_on_listed": judge.rate(scores.to_numpy(float)[listed]).rho,
        "suite_rho_on_listed": judge.rate(cells.loc[listed, published.column].to_numpy(float)).rho,
    }


def _judge(cells: pd.DataFrame) -> Judge:
    return Judge(cells[TARGET].to_numpy(float), cells["params"].to_numpy(float), seed=0)


def _show(rows: list[dict[str, Any]]) -> None:
    table = Table("proxy", "rho", "published", "tau", "published", "listed: rho", "suite's rho")
    for row in rows:
        listed = [row.get("rho_on_listed", np.nan), row.get("suite_rho_on_listed", np.nan)]
        table.add_row(
            row["proxy"], f"{row['rho']:.3f}", f"{row['published_rho']:.3f}", f"{row['tau']:.3f}",
            f"{row['published_tau']:.3f}", *(f"{value:.3f}" for value in listed),
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
