"""What our own proxy reaches: on half of the cells that it was not chosen on, and on distillation.

    python -m benchmarks.own_proxy [--seeds 5] [--sample 1000]

NAS-Bench-201: all functions of the shared cells are scored with seed 0 (see `_networks`), and a
random sample of them with the others, on 64 real CIFAR-10 images reduced to 16 x 16.
``development`` is the half on which the formula was chosen, ``report`` the other one; beside ours
stand params, and the fusion by log-ranks of jacov and params from NAS-Bench-Suite-Zero, where it
lists the cells. S0, AutoFormer and PiT: real CIFAR-100 images (112 x 112 for the transformers, 16
of them), the mean of all seeds for S0; they were looked at while the formula was chosen. About
half an hour on two cores; an interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.cifar10 import data_file
from benchmarks.nb201_cells import SPACE, scoring, shared_cells
from benchmarks.proxy_scores import Setting, scores_of
from benchmarks.record import write_rows
from proxies import log_rank_fusion
from search_spaces import Arch, Task, create_space
from studies.candidates import counted_costs
from studies.ranking.correlation import kendall_tau, tau_within
from studies.ranking.judge import Judge

OURS = "trainable_width"
TASK = Task(3, 32, 10)
_CIFAR100 = "benchmarks.cifar100:cifar100_data"
_NEAR = 0.1
"""Relative difference in parameters of the pairs of S0 that count as equally large."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sample", type=int, default=1000)
    options = parser.parse_args()
    cells = shared_cells()
    rows = [
        *_nasbench201(cells),
        *_spread(cells, options.seeds, options.sample),
        *_s0(options.seeds),
        *_transformers(),
    ]
    _show(rows)
    Console().print(f"rows in {write_rows('own_proxy', rows)}")


def _nasbench201(cells: pd.DataFrame) -> list[dict[str, Any]]:
    """Ours, params and jacov with params on the halves, the reachable cells and all cells."""
    scored = scores_of(_networks(cells), [OURS], scoring(0))
    suite = pd.read_csv(data_file("nb201_zc.csv.gz"))[["idx", "c10_jacov"]]
    cells = cells.join(scored).merge(suite, on="idx", how="left")
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
        scores = {OURS: some[OURS], "params": some["params"]}
        if bool(some["reachable"].all()):
            scores["jacov+params"] = log_rank_fusion(some[["c10_jacov", "params"]])
        for target in ("c10_test_200", "c100_test_200"):
            judge = Judge(some[target].to_numpy(), some["params"].to_numpy(float), seed=0)
            rows += [
                _row(f"NAS-Bench-201, {name}", target, proxy, judge, values.to_numpy(float))
                | {"best_target": some[target].max()}
                for proxy, values in scores.items()
            ]
    return rows


def _networks(cells: pd.DataFrame) -> list[Arch]:
    """What is scored for each row: the canonical cell of its function.

    A reachable cell with more parameters than that, as with two equal convolutions side by side
    that do not share weights, is scored as it stands.
    """
    networks = []
    for text, function, reachable in cells[["arch", "function", "reachable"]].itertuples(
        index=False
    ):
        own = SPACE.parse(text)
        larger = SPACE.sizes(own, TASK).params > SPACE.sizes(function, TASK).params
        networks.append(own if reachable and larger else function)
    return networks


def _spread(cells: pd.DataFrame, seeds: int, sample: int) -> list[dict[str, Any]]:
    """Tau of every seed on one random sample of functions, and its standard deviation."""
    functions = cells.drop_duplicates("function").sample(sample, random_state=0)
    archs = list(functions["function"])
    scores = [scores_of(archs, [OURS], scoring(seed))[OURS] for seed in range(seeds)]
    rows = []
    for target in ("c10_test_200", "c100_test_200"):
        truth = functions[target].to_numpy()
        taus = [kendall_tau(each.to_numpy(), truth) for each in scores]
        of_mean = kendall_tau(np.mean(scores, axis=0), truth)
        rows.append(
            {
                "bench": "NAS-Bench-201, sample of functions",
                "target": target,
                "proxy": OURS,
                "tau": float(np.mean(taus)),
                "tau_std_over_seeds": float(np.std(taus, ddof=1)),
                "tau_of_mean_score": of_mean,
                "seeds": seeds,
                "n": sample,
            }
        )
    return rows


def _s0(seeds: int) -> list[dict[str, Any]]:
    table = pd.read_csv(data_file("s0_kd.csv"))
    depths = table[["d1", "d2", "d3"]].to_numpy()
    archs = [Arch({f"depth_{i + 1}": int(d) for i, d in enumerate(row)}) for row in depths]
    setting = Setting("cifar-resnet", _CIFAR100, 32)
    by_seed = [
        scores_of(archs, [OURS], replace(setting, seed=seed))[OURS].to_numpy()
        for seed in range(seeds)
    ]
    truth = table["c100_kd_acc"].to_numpy()
    params, macs = _sizes(setting, archs)
    judge = Judge(truth, params, seed=0)
    scores = {
        OURS: np.mean(by_seed, axis=0),
        "params": params,
        "params+params+macs": log_rank_fusion(
            pd.DataFrame({"a": params, "b": params, "c": macs})
        ).to_numpy(),
    }
    rows = [
        _row("DisWOT S0", "c100_kd_acc", name, judge, values)
        | {"tau_within_10_percent_params": tau_within(values, truth, params, _NEAR)}
        for name, values in scores.items()
    ]
    taus = [kendall_tau(each, truth) for each in by_seed]
    rows[0] |= {"seeds": seeds, "tau_std_over_seeds": float(np.std(taus, ddof=1))}
    return rows


def _transformers() -> list[dict[str, Any]]:
    tables = json.loads(data_file("vit_bench_kd.json").read_text(encoding="utf-8"))
    rows = []
    for name, lists in {"autoformer-tiny": ("autoformer", "autoformer_2"), "pit": ("pit",)}.items():
        nets = [net for which in lists for net in tables[which]]
        space = create_space(name)
        archs = [space.parse(json.dumps(net["arch"])) for net in nets]
        setting = Setting(name, _CIFAR100, 112, images=16)
        ours = scores_of(archs, [OURS], setting)[OURS].to_numpy()
        params, _ = _sizes(setting, archs)
        depth = np.array([_depth(net["arch"]) for net in nets], float)
        for target in ("c100_kd_acc", "flower_kd_acc", "chaoyang_kd_acc"):
            judge = Judge(np.array([net[target] for net in nets]), params, seed=0)
            for proxy, values in {OURS: ours, "params": params, "depth": depth}.items():
                rows.append(_row(name, target, proxy, judge, values))
    return rows


def _depth(arch: dict[str, Any]) -> int:
    depth = arch["depth"]
    return sum(depth) if isinstance(depth, list) else int(depth)


def _sizes(setting: Setting, archs: Sequence[Arch]) -> tuple[np.ndarray, np.ndarray]:
    """Params and MACs, ``(arch,)`` each."""
    space, task = create_space(setting.space), Task(3, setting.image_size, 100)
    counted = [counted_costs(space, arch, task) for arch in archs]
    return np.array([c["params"] for c in counted]), np.array([c["macs"] for c in counted])


def _row(bench: str, target: str, proxy: str, judge: Judge, scores: np.ndarray) -> dict[str, Any]:
    found = judge.rate(scores)
    return {
        "bench": bench,
        "target": target,
        "proxy": proxy,
        "tau": found.tau,
        "tau_low": found.tau_ci[0],
        "tau_high": found.tau_ci[1],
        "rho": found.rho,
        "partial_tau": found.partial_tau,
        "top_pick_target": found.top_pick_target,
        "n": found.n,
        "nan": found.nan,
    }


def _show(rows: Sequence[dict[str, Any]]) -> None:
    table = Table("bench", "target", "proxy", "tau", "std over seeds", "top pick", "n")
    for row in rows:
        table.add_row(
            row["bench"], row["target"], row["proxy"], f"{row['tau']:.3f}",
            f"{row.get('tau_std_over_seeds', np.nan):.4f}",
            f"{row.get('top_pick_target', np.nan):.2f}", str(row["n"]),
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
