"""What do proxies cost beside plain passes, and how long does a whole space take?

    python -m benchmarks.proxy_speed [--cells 36] [--repeats 3] [--functions 6466]

Random NAS-Bench-201 cells in the benchmark's own skeleton, on 64 real CIFAR-10 images of 32 x 32,
in one thread. On each cell, one after the other and again, in turning order: a forward without
gradients, DisWOT, all proxies that need only forwards, a forward and backward, all proxies of one
backward, and the eight proxies of the main job, shared and as their papers write them
(`benchmarks.textbook_proxies`). The student is built beforehand and not counted; the teacher is
passed once, as in a study, except by the textbook. Sizes are counted within the time of every form
that has them among its scores. A ratio is the median over the cells of the
ratio of the two shortest times, with a bootstrap interval over cells.

The other row is the whole space: its 6,466 functions under DisWOT, as ``nas-kd rank --sample all
--proxies diswot --workers 2`` scores them, from building the student to the score. Its minutes are
the summed seconds of all passes divided by the processes, so that an interrupted run goes on where
it was. About an hour on two cores.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import nn
from torch.nn import functional as F

from benchmarks.cifar10 import trained_resnet
from benchmarks.kept_facts import KeptFacts
from benchmarks.nb201_cells import SPACE, scoring, shared_cells
from benchmarks.proxy_scores import Setting, processes, scored
from benchmarks.record import write_rows
from benchmarks.textbook_proxies import Network, textbook_scores
from nas_kd.user_cache import user_cache
from proxies import PROXIES, score_student
from search_spaces import Arch
from studies.observer import SilentObserver
from studies.ranking.bench import Bench
from studies.ranking.score_or_refuse import score_or_refuse
from studies.ranking.score_settings import score_settings
from studies.workers import one_thread

MAIN_JOB = ("diswot", "naswot", "synflow", "grad_norm", "snip", "jacov", "params", "macs")
FORWARD_ONLY = ("forward", "forward, and a second one")
ONE_BACKWARD = ("backward",)
IMAGE_SIZE = 32
_DRAWS = 2000

BARS = {
    ("diswot", "forward"): 1.15,
    ("all forward-only", "forward"): 1.5,
    ("all of one backward", "forward and backward"): 1.3,
    ("eight as in the papers", "eight shared"): None,
    ("forward and backward", "forward"): None,
}
"""Pairs whose ratio is told, with what it is at most meant to be."""


@dataclass
class Forms:
    """The ways that are timed, on one bench.

    Attributes:
        bench: Images and teacher.
        forward_only: Proxies that need no gradient.
        one_backward: Proxies whose cost is one backward.
        teacher: For the textbook.
    """

    bench: Bench
    forward_only: Sequence[str]
    one_backward: Sequence[str]
    teacher: Network

    def of(self, arch: Arch) -> dict[str, Callable[[nn.Module], object]]:
        """Name of a form to what it does with a freshly built student ``arch``."""
        bench = self.bench

        def shared(proxies: Sequence[str]) -> Callable[[nn.Module], object]:
            sized = any("costs" in PROXIES.get(name).needs for name in proxies)
            return lambda model: score_student(
                lambda: model, bench.images, bench.labels, proxies=proxies,
                features=bench.space.features, head=bench.space.head, teacher=bench.teacher,
                costs=bench.costs(arch) if sized else None, seed=bench.seed,
            )  # fmt: skip

        return {
            "forward": self._forward,
            "diswot": shared(["diswot"]),
            "all forward-only": shared(self.forward_only),
            "forward and backward": self._backward,
            "all of one backward": shared(self.one_backward),
            "eight shared": shared(MAIN_JOB),
            "eight as in the papers": self._textbook,
        }

    def _forward(self, model: nn.Module) -> None:
        with torch.no_grad():
            model.train()(self.bench.images)

    def _backward(self, model: nn.Module) -> None:
        F.cross_entropy(model.train()(self.bench.images), self.bench.labels).backward()

    def _textbook(self, model: nn.Module) -> None:
        space = self.bench.space
        student = Network(model, space.features(model)[-1], space.head(model))
        textbook_scores(student, self.teacher, self.bench.images, self.bench.labels, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=36)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--functions", type=int, default=6466)
    options = parser.parse_args()
    setting = scoring(0, IMAGE_SIZE)
    rows = [*ratios(setting, options.cells, options.repeats), whole_space(options.functions)]
    _show(rows)
    Console().print(f"rows in {write_rows('proxy_speed', rows)}")


def ratios(setting: Setting, cells: int, repeats: int) -> list[dict[str, Any]]:
    """One row a pair of `BARS`."""
    archs = _draw(cells)
    forms = prepare(setting.bench(PROXIES.names()), archs[0])
    digest = score_settings(setting.recipe())["code"]
    kept = KeptFacts(user_cache() / "benchmarks" / f"proxy-speed-{digest}-{repeats}")
    with one_thread():
        seconds = [
            kept.once(f"{number:04}", lambda arch=arch: times(forms, arch, repeats))  # type: ignore[misc]
            for number, arch in enumerate(track(archs, "cells", console=Console(stderr=True)))
        ]
    return [
        {
            "what": what,
            "beside": beside,
            **_ratio(np.array([each[what] / each[beside] for each in seconds])),
            "at_most": bar,
            "median_ms": 1000 * float(np.median([each[what] for each in seconds])),
            "proxies": " ".join(_proxies_of(what, forms)),
            "cells": cells,
            "repeats": repeats,
            **setting.facts,
        }
        for (what, beside), bar in BARS.items()
    ]


def prepare(bench: Bench, arch: Arch) -> Forms:
    """The forms with those proxies that score ``arch``."""
    by_cost = {
        costs: [name for name in PROXIES.names() if PROXIES.get(name).cost in costs]
        for costs in (FORWARD_ONLY, ONE_BACKWARD)
    }
    refused = set()
    for names in by_cost.values():
        refused |= set(score_or_refuse(names, bench, arch, SilentObserver())[1])
    usable = {costs: [n for n in names if n not in refused] for costs, names in by_cost.items()}
    teacher = Network(trained_resnet(56), "layer3", "linear")
    return Forms(bench, usable[FORWARD_ONLY], usable[ONE_BACKWARD], teacher)


def times(forms: Forms, arch: Arch, repeats: int) -> dict[str, float]:
    """The shortest seconds of each form on students ``arch``, in turning order."""
    ways = list(forms.of(arch).items())
    best = dict.fromkeys((name for name, _ in ways), float("inf"))
    for turn in range(repeats):
        for name, way in ways[turn % len(ways) :] + ways[: turn % len(ways)]:
            student = forms.bench.space.build(arch, forms.bench.task)
            start = time.perf_counter()
            way(student)
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def whole_space(functions: int) -> dict[str, Any]:
    """The row of the distinct functions of the space under DisWOT."""
    setting = scoring(0, IMAGE_SIZE)
    distinct = list(dict.fromkeys(map(SPACE.canonical, SPACE.enumerate())))[:functions]
    scores = scored(distinct, ["diswot"], setting)
    seconds = scores.seconds_per_pass(["diswot"], [arch.key for arch in distinct])
    return {
        "what": "whole space under diswot",
        "functions": len(distinct),
        "processes": processes(),
        "minutes": seconds * len(distinct) / processes() / 60,
        "median_ms": 1000 * seconds,
        "at_most": 15,
        **setting.facts,
    }


def _draw(cells: int) -> list[Arch]:
    """Random functions with a convolution that the images reach."""
    known = shared_cells()
    distinct = list(dict.fromkeys(known.loc[known["reachable"], "function"]))
    order = np.random.default_rng(0).permutation(len(distinct))
    with_weights = [i for i in order if "nor_conv" in SPACE.describe(distinct[i])]
    return [distinct[i] for i in with_weights[:cells]]


def _proxies_of(what: str, forms: Forms) -> Sequence[str]:
    lists = {"all forward-only": forms.forward_only, "all of one backward": forms.one_backward}
    return MAIN_JOB if what.startswith("eight") else lists.get(what, [])


def _ratio(values: np.ndarray) -> dict[str, float]:
    """The median, with a percentile bootstrap over cells."""
    drawn = np.random.default_rng(0).integers(len(values), size=(_DRAWS, len(values)))
    low, high = np.percentile(np.median(values[drawn], axis=1), [2.5, 97.5])
    return {"ratio": float(np.median(values)), "low": float(low), "high": float(high)}


def _show(rows: Sequence[dict[str, Any]]) -> None:
    table = Table("what", "beside", "ratio", "95 %", "at most", "ms", "minutes")
    for row in rows:
        interval = f"{row['low']:.2f} to {row['high']:.2f}" if "low" in row else ""
        table.add_row(
            row["what"], row.get("beside", ""), f"{row['ratio']:.2f}" if "ratio" in row else "",
            interval, str(row["at_most"] or ""), f"{row['median_ms']:.0f}",
            f"{row['minutes']:.1f}" if "minutes" in row else "",
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
