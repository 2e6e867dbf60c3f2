"""How many teachers, how they vote, and what they cost: an ablation of SD-DARTS on CIFAR-10.

    python -m benchmarks.voting_teachers [--seeds 1] [--only CONFIG] [--threads 2]

One, two, three and five voting teachers; of three, hard votes beside soft ones and cached logits
beside snapshots, in the small supernet of `benchmarks.small_cells`. A row a search and their means,
as in `benchmarks.sd_darts_cifar10`, of which three soft snapshots are the runs. Beside each what a
search step takes with all of its teachers there, as a ratio to plain DARTS: the median of steps
taken in turn, now one first and now the other, and their quartiles. ``--only`` searches, times
nothing and writes no rows. The same command continues.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress

from benchmarks.record import write_rows
from benchmarks.small_cells import EPOCHS, RUNS, SEEDS, mean_rows, search, search_job, show
from nas_kd.training.darts.methods import SdDarts
from nas_kd.training.darts.session import SearchSession

CONFIGS: dict[str, dict[str, Any]] = {
    "three": {},
    "one": {"teachers": 1},
    "two": {"teachers": 2},
    "five": {"teachers": 5},
    "three-hard": {"vote": "hard"},
    "three-cached": {"teacher_sources": "cached"},
}
"""What is changed in SD-DARTS."""
_NAMES = ("teachers", "teacher_sources", "vote")
_EVERY = 2
"""Steps between two teachers while steps are timed."""
_TIMED_STEPS = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, choices=range(1, len(SEEDS) + 1), default=1)
    parser.add_argument("--only", choices=list(CONFIGS), action="append")
    parser.add_argument("--run-dir", type=Path, default=RUNS)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    with Progress(console=Console(stderr=True)) as progress:
        for name in options.only or CONFIGS:
            for seed in SEEDS[: options.seeds]:
                run = "sd-darts" if name == "three" else f"sd-darts-{name}"
                folder, settings = options.run_dir / f"{run}-{EPOCHS}-{seed}", CONFIGS[name]
                found = search(folder, "sd-darts", seed, settings, progress=progress)
                rows.append({**_named(settings), **found})
        if options.only:  # the rows of all others would be lost
            return
        times = {tuple(_named(s).values()): step_times(s, progress) for s in CONFIGS.values()}
    rows += mean_rows(rows, _NAMES)
    rows = [{**row, **times[tuple(row[name] for name in _NAMES)]} for row in rows]
    path = write_rows("voting_teachers", rows)
    show(Console(), rows, (*_NAMES, "seed", "step_ratio"))
    Console().print(f"rows in {path}")


def step_times(settings: dict[str, Any], progress: Progress) -> dict[str, float]:
    """What a step takes with all teachers there, and its ratio to one of plain DARTS.

    Steps after which a snapshot is taken are left out: in a search they are one in an epoch.
    """
    plain = SearchSession(search_job("darts", 0, {}))
    steps_of_epoch = sum(1 for _ in plain.batches())
    often = {"teacher_start": 0.0, "teacher_interval": _EVERY / steps_of_epoch}
    taught = SearchSession(search_job("sd-darts", 0, {**often, **settings}))
    times = []
    pairs = islice(zip(taught.batches(), plain.batches(), strict=True), _TIMED_STEPS)
    for number, (one, other) in enumerate(progress.track(pairs, _TIMED_STEPS)):
        steps = {
            "taught": lambda n=number, pair=one: taught.step(n, *pair),
            "plain": lambda n=number, pair=other: plain.step(n, *pair),
        }
        order = sorted(steps, reverse=number % 4 < 2)
        times.append({name: _seconds(steps[name]) for name in order})
    all_there = _EVERY * settings.get("teachers", SdDarts.teachers)
    counted = times[all_there::_EVERY]
    ratios = [step["taught"] / step["plain"] for step in counted]
    low, median, high = np.quantile(ratios, (0.25, 0.5, 0.75))
    return {
        "step_ratio": float(median),
        "step_ratio_25": float(low),
        "step_ratio_75": float(high),
        "step_ms": 1000 * float(np.median([step["taught"] for step in counted])),
        "plain_step_ms": 1000 * float(np.median([step["plain"] for step in counted])),
        "timed_steps": len(counted),
    }


def _seconds(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def _named(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: settings.get(name, getattr(SdDarts, name)) for name in _NAMES}


if __name__ == "__main__":
    main()
