"""How well the proxies rank trained accuracy, on the real tables, beside params and MACs.

    python -m benchmarks.proxy_audit [--cells 200] [--seed 0] [--images 64]

NAS-Bench-201: random cells in the benchmark's skeleton with one cell per stage, scored on real
CIFAR-10 images, against CIFAR-10 test accuracy after 200 epochs. DisWOT's S0: all 64 nets, scored
on real CIFAR-100 images, against distilled CIFAR-100 accuracy. The teacher is the published
ResNet-56. Kendall's tau-b with a bootstrap interval over architectures, no absolute values.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from benchmarks.cifar10 import data_file, decode_images, trained_resnet
from benchmarks.record import write_rows
from proxies import PROXIES, TeacherProbes, score_student
from search_spaces import Arch, CifarResNet, NasBench201, SearchSpace, Task
from studies.ranking.judge import Judge


@dataclass(frozen=True)
class Bench:
    """A real table and the space whose archs it judges."""

    name: str
    space: SearchSpace
    task: Task
    images: str
    target: str
    archs: list[Arch]
    accuracies: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=200)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows = []
    for bench in (_nasbench201(options.cells, options.seed), _s0()):
        rows += _audit(bench, options.images, options.seed)
    _show(rows)
    Console().print(f"rows in {write_rows('proxy_audit', rows)}")


def _nasbench201(cells: int, seed: int) -> Bench:
    table = pd.read_csv(data_file("nb201.csv.gz")).sample(cells, random_state=seed)
    space = NasBench201(cells_per_stage=1)
    archs = [space.parse(text) for text in table["arch"]]
    target = "c10_test_200"
    return Bench(
        "NAS-Bench-201", space, Task(3, 32, 10), "cifar10", target, archs, table[target].to_numpy()
    )


def _s0() -> Bench:
    table = pd.read_csv(data_file("s0_kd.csv"))
    archs = [
        Arch({"depth_1": int(d1), "depth_2": int(d2), "depth_3": int(d3)})
        for d1, d2, d3 in zip(table["d1"], table["d2"], table["d3"], strict=True)
    ]
    target = "c100_kd_acc"
    return Bench(
        "DisWOT S0", CifarResNet(), Task(3, 32, 100), "cifar100", target, archs,
        table[target].to_numpy(),
    )  # fmt: skip


def _audit(bench: Bench, batch: int, seed: int) -> list[dict[str, object]]:
    images, labels = _batch(bench.images, batch, seed)
    teacher = _teacher(bench, images, labels, seed)
    names = PROXIES.names()
    scores, seconds = _score(bench, names, images, labels, teacher, seed)
    judge = Judge(bench.accuracies, scores["params"].to_numpy(), seed=seed)
    return [
        {
            "bench": bench.name,
            "target": bench.target,
            "proxy": name,
            **_correlations(judge, scores[name].to_numpy()),
            "archs": len(bench.archs),
            "without_value": int((~np.isfinite(scores[name])).sum()),
            "images": batch,
            "seed": seed,
            "seconds_per_arch_all_proxies": round(seconds / len(bench.archs), 4),
        }
        for name in names
    ]


def _batch(name: str, size: int, seed: int) -> tuple[Tensor, Tensor]:
    file = {"cifar10": "cifar10_train.npz", "cifar100": "cifar100_train15k.npz"}[name]
    images, labels = decode_images(data_file(file))
    chosen = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))[:size]
    pixels = images[chosen].float() / 255
    mean = pixels.mean((0, 2, 3), keepdim=True)
    return (pixels - mean) / pixels.std((0, 2, 3), keepdim=True), labels[chosen]


def _teacher(bench: Bench, images: Tensor, labels: Tensor, seed: int) -> TeacherProbes:
    model = trained_resnet(56)
    head = model.linear
    if head.out_features != bench.task.num_classes:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model.linear = torch.nn.Linear(head.in_features, bench.task.num_classes)
    return TeacherProbes(
        model, images, labels, features=["layer1", "layer2", "layer3"], head="linear", seed=seed
    )


def _score(
    bench: Bench,
    names: Sequence[str],
    images: Tensor,
    labels: Tensor,
    teacher: TeacherProbes,
    seed: int,
) -> tuple[pd.DataFrame, float]:
    start = time.perf_counter()
    rows = [
        score_student(
            _builder(bench, arch),
            images,
            labels,
            proxies=names,
            features=bench.space.features,
            head=bench.space.head,
            teacher=teacher,
            costs=_costs(bench, arch),
            seed=seed,
        )
        for arch in track(bench.archs, description=bench.name, console=Console(stderr=True))
    ]
    return pd.DataFrame(rows), time.perf_counter() - start


def _builder(bench: Bench, arch: Arch) -> Callable[[], torch.nn.Module]:
    return lambda: bench.space.build(arch, bench.task)


def _costs(bench: Bench, arch: Arch) -> dict[str, float]:
    sizes = bench.space.sizes(arch, bench.task)
    if sizes is None:
        raise ValueError(f"{bench.space.name} has no closed form")
    return {"macs": float(sizes.macs), "params": float(sizes.params)}


def _correlations(judge: Judge, scores: np.ndarray) -> dict[str, float]:
    found = judge.rate(scores)
    low, high = found.tau_ci
    return {
        "tau": round(found.tau, 4),
        "tau_low": round(low, 4),
        "tau_high": round(high, 4),
        "rho": round(found.rho, 4),
        "tau_given_params": round(found.partial_tau, 4),
    }


def _show(rows: Sequence[dict[str, object]]) -> None:
    table = Table("bench", "proxy", "tau", "95 %", "rho", "tau | params", "no value")
    for row in sorted(rows, key=lambda r: (str(r["bench"]), -float(str(r["tau"])))):
        table.add_row(
            str(row["bench"]), str(row["proxy"]), f"{row['tau']:.3f}",
            f"{row['tau_low']:.3f} to {row['tau_high']:.3f}", f"{row['rho']:.3f}",
            f"{row['tau_given_params']:.3f}", str(row["without_value"]),
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
