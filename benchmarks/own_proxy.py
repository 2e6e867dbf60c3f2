"""What our own proxy reaches: on half of the cells that it was not chosen on, and on distillation.

    python -m benchmarks.own_proxy [--seeds 5] [--sample 1000] [--full-size 250] [--macro 1000]

NAS-Bench-201: all functions of the shared cells are scored with seed 0, and a random sample of them
with the others, on 64 real CIFAR-10 images reduced to 16 x 16. ``development`` is the half on which
the formula was chosen, ``report`` the other one. Scored is the canonical cell, as ``nas-kd rank``
and a search do; ``as written`` scores cells with more parameters than that, as with two equal
convolutions side by side that share no weights, as they stand. Beside ours stand params, the fusion
by log-ranks of jacov and params from NAS-Bench-Suite-Zero, where it lists the cells, and on the
sample and the other tables the fusion of DisWOT, naswot and synflow. ``rho_with_32_pixels`` says
how ours orders the first ``--full-size`` functions of the sample at 32 x 32 beside 16 x 16.

The others: a sample of NAS-Bench-Macro (CIFAR-10, 32 x 32), DisWOT's S0, and the distillation
bench's AutoFormer and PiT nets (real CIFAR-100 images; 112 x 112 and 16 of them for the
transformers), which were looked at while the formula was chosen. Every ``tau`` is that of the
scores of one seed, 0, which is what a search has; ``tau_mean_over_seeds`` is the mean of the taus
of all seeds, and ``tau_of_mean_score`` that of the mean of their scores, an ensemble that costs as
many passes. About an hour on two cores; an interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks import real_tables
from benchmarks.cifar10 import data_file
from benchmarks.nb201_cells import SPACE, scoring, shared_cells
from benchmarks.proxy_scores import scores_of
from benchmarks.rank_rows import rank_row
from benchmarks.real_tables import RealTable
from benchmarks.record import write_rows
from proxies import ReferenceFusion, log_rank_fusion
from search_spaces import Arch, Task
from studies.ranking.correlation import kendall_tau, spearman_rho, tau_within
from studies.ranking.judge import Judge
from studies.search import REFERENCE_SIZE

OURS = "trainable_width"
FUSED = ("diswot", "naswot", "synflow")
"""Proxies that are cheap and unlike each other, fused as a search would fuse them."""
TASK = Task(3, 32, 10)
_FULL_SIZE = 32
_NEAR = 0.1
"""Relative difference in parameters of the pairs that count as equally large."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sample", type=int, default=1000)
    parser.add_argument("--full-size", type=int, default=250)
    parser.add_argument("--macro", type=int, default=1000)
    options = parser.parse_args()
    cells = shared_cells()
    rows = [
        *nasbench201(cells),
        *spread(cells, options.seeds, options.sample, options.full_size),
        *on_table(real_tables.s0(), options.seeds),
        *on_table(real_tables.autoformer()),
        *on_table(real_tables.pit()),
        *on_table(real_tables.nasbench_macro(options.macro)),
    ]
    _show(rows)
    Console().print(f"rows in {write_rows('own_proxy', rows)}")


def nasbench201(cells: pd.DataFrame) -> list[dict[str, Any]]:
    """Ours, params and jacov with params on the halves, the reachable cells and all cells."""
    setting = scoring(0)
    ours = scores_of([*cells["function"], *_as_written(cells)], [OURS], setting)[OURS].to_numpy()
    suite = pd.read_csv(data_file("nb201_zc.csv.gz"))[["idx", "c10_jacov"]]
    canonical, written = np.split(ours, 2)
    cells = cells.reset_index(drop=True).assign(canonical=canonical, written=written)
    cells = cells.merge(suite, on="idx", how="left")
    sets = {
        "development half, reachable": cells["reachable"] & (cells["half"] == "development"),
        "report half, reachable": cells["reachable"] & (cells["half"] == "report"),
        "all reachable": cells["reachable"],
        "development half": cells["half"] == "development",
        "report half": cells["half"] == "report",
        "all shared": cells["half"] != "",
    }
    rows = []
    for name, chosen in sets.items():
        some = cells[chosen]
        scores = {
            OURS: some["canonical"], f"{OURS}, as written": some["written"],
            "params": some["params"],
        }  # fmt: skip
        if bool(some["reachable"].all()):
            scores["jacov+params"] = log_rank_fusion(some[["c10_jacov", "params"]])
        keys = [arch.key for arch in some["function"]]
        for target in ("c10_test_200", "c100_test_200"):
            params = some["params"].to_numpy(float)
            judge = Judge(some[target].to_numpy(), params, seed=0, functions=keys)
            rows += [
                rank_row(f"NAS-Bench-201, {name}", target, proxy, judge, values.to_numpy(float))
                | {"best_target": some[target].max(), **setting.facts}
                for proxy, values in scores.items()
            ]
    return rows


def _as_written(cells: pd.DataFrame) -> list[Arch]:
    """The network of each row: its canonical cell, or itself where that is smaller.

    Only of reachable cells: in the others, what makes them larger is never used.
    """
    networks = []
    for text, function, reachable in cells[["arch", "function", "reachable"]].itertuples(
        index=False
    ):
        own = SPACE.parse(text)
        larger = SPACE.sizes(own, TASK).params > SPACE.sizes(function, TASK).params
        networks.append(own if reachable and larger else function)
    return networks


def spread(cells: pd.DataFrame, seeds: int, sample: int, full_size: int) -> list[dict[str, Any]]:
    """Ours with every seed on one random sample of functions, and what stands beside it."""
    functions = cells.drop_duplicates("function").sample(sample, random_state=0)
    archs = list(functions["function"])
    by_seed = [scores_of(archs, [OURS], scoring(seed))[OURS].to_numpy() for seed in range(seeds)]
    full = scores_of(archs[:full_size], [OURS], scoring(0, _FULL_SIZE))[OURS].to_numpy()
    beside = {
        "params": np.array([SPACE.sizes(arch, TASK).params for arch in archs], float),
        "+".join(FUSED): fused(scores_of(archs, FUSED, scoring(0))),
    }
    rows = []
    for target in ("c10_test_200", "c100_test_200"):
        judge = Judge(functions[target].to_numpy(), beside["params"], seed=0)
        scores = {OURS: by_seed[0], **beside}
        found = [
            rank_row("NAS-Bench-201, sample of functions", target, name, judge, values)
            | scoring(0).facts
            for name, values in scores.items()
        ]
        found[0] |= _over_seeds(by_seed, functions[target].to_numpy())
        found[0] |= {
            f"rho_with_{_FULL_SIZE}_pixels": spearman_rho(by_seed[0][:full_size], full),
            f"cells_with_{_FULL_SIZE}_pixels": len(full),
        }
        rows += found
    return rows


def fused(scores: pd.DataFrame) -> np.ndarray:
    """The score of a study on these networks, whose reference is the first of them, ``(arch,)``."""
    fusion = ReferenceFusion(scores[:REFERENCE_SIZE])
    return np.array([fusion.score(row) for row in scores.to_dict("records")])  # type: ignore[arg-type]


def on_table(table: RealTable, seeds: int = 1) -> list[dict[str, Any]]:
    """Ours beside sizes on another table: one row a target and score."""
    rows = []
    for target in table.targets:
        drawn = table.rows(target)
        by_seed = [
            scores_of(drawn.functions, [OURS], table.with_seed(seed).setting)[OURS].to_numpy()
            for seed in range(seeds)
        ]
        sizes = table.sizes(drawn.functions)
        params, macs = sizes["params"], sizes["macs"]
        both = pd.DataFrame({"a": params, "b": params, "c": macs})
        scores = {OURS: by_seed[0], **sizes}
        scores["params+params+macs"] = log_rank_fusion(both).to_numpy()
        scores["+".join(FUSED)] = fused(scores_of(drawn.functions, FUSED, table.setting))
        keys = [arch.key for arch in drawn.functions]
        judge = Judge(drawn.target, params, seed=0, functions=keys)
        found = [
            rank_row(table.name, target, name, judge, values)
            | {
                "tau_within_10_percent_params": tau_within(values, drawn.target, params, _NEAR),
                "best_target": drawn.target.max(),
                **table.setting.facts,
            }
            for name, values in scores.items()
        ]
        found[0] |= _over_seeds(by_seed, drawn.target)
        rows += found
    return rows


def _over_seeds(by_seed: Sequence[np.ndarray], target: np.ndarray) -> dict[str, float]:
    taus = [kendall_tau(scores, target) for scores in by_seed]
    spread = float(np.std(taus, ddof=1)) if len(taus) > 1 else float("nan")
    return {
        "tau_mean_over_seeds": float(np.mean(taus)),
        "tau_std_over_seeds": spread,
        "tau_of_mean_score": kendall_tau(np.mean(by_seed, axis=0), target),
        "seeds": len(taus),
    }


def _show(rows: Sequence[dict[str, Any]]) -> None:
    table = Table(
        "bench", "target", "proxy", "tau", "mean over seeds", "std", "ensemble", "top pick", "n"
    )
    for row in rows:
        table.add_row(
            row["bench"], row["target"], row["proxy"], f"{row['tau']:.3f}",
            f"{row.get('tau_mean_over_seeds', np.nan):.3f}",
            f"{row.get('tau_std_over_seeds', np.nan):.4f}",
            f"{row.get('tau_of_mean_score', np.nan):.3f}",
            f"{row['top_pick_target']:.2f}", str(row["n"]),
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
