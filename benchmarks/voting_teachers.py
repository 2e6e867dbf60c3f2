"""How many teachers, how they vote, and what they cost: an ablation of SD-DARTS on CIFAR-10.

    python -m benchmarks.voting_teachers [--seeds 3] [--only CONFIG] [--threads 2]

One, two, three and five voting teachers; of three, hard votes beside soft ones and cached logits
beside snapshots, in the small supernet of `benchmarks.small_cells`; beside each the time of a
search step with all of its teachers there, as a ratio to plain DARTS, the steps of both taken in
turn. Three soft snapshots are the runs of `benchmarks.sd_darts_cifar10`. ``--only`` searches, times
nothing and writes no rows. The same command continues.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress

from benchmarks.record import write_rows
from benchmarks.small_cells import (
    EPOCHS,
    RUNS,
    means,
    search,
    search_job,
    show_means,
)
from nas_kd.training.darts.methods import SdDarts
from nas_kd.training.darts.session import SearchSession

CONFIGS: dict[str, dict[str, Any]] = {
    "sd-darts": {},
    "one teacher": {"teachers": 1},
    "two teachers": {"teachers": 2},
    "five teachers": {"teachers": 5},
    "hard votes": {"vote": "hard"},
    "cached logits": {"teacher_sources": "cached"},
}
"""What is changed in SD-DARTS: three snapshots that vote softly."""
_INTERVAL, _EVERY = 0.02, 2
"""Epochs, and the steps that these are, between two teachers while steps are timed."""
_TIMED_STEPS = 40
_MEANS = ("c10_accuracy", "c100_accuracy", "skips", "sharpness", "step_ratio")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=list(CONFIGS), action="append")
    parser.add_argument("--run-dir", type=Path, default=RUNS)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    with Progress(console=Console(stderr=True)) as progress:
        for name in options.only or CONFIGS:
            settings = CONFIGS[name]
            for seed in range(options.seeds):
                folder = options.run_dir / f"{name.replace(' ', '-')}-{EPOCHS}-{seed}"
                found = search(folder, "sd-darts", seed, settings, progress=progress)
                rows.append({"config": name, "seed": seed, **found})
    if options.only:  # the rows of all others would be lost
        return
    ratios = {name: step_ratio(settings) for name, settings in CONFIGS.items()}
    rows = [{**row, "step_ratio": ratios[str(row["config"])]} for row in rows]
    path = write_rows("voting_teachers", rows)
    show_means(Console(), means(rows, "config", _MEANS))
    Console().print(f"rows in {path}")


def step_ratio(settings: dict[str, Any]) -> float:
    """Median time of a step with all teachers there, over that of plain DARTS.

    Steps after which a snapshot is taken are left out: in a search they are one in an epoch.
    """
    every_step = {"teacher_start": 0.0, "teacher_interval": _INTERVAL}
    taught = SearchSession(search_job("sd-darts", 0, {**every_step, **settings}))
    plain = SearchSession(search_job("darts", 0, {}))
    ratios = []
    pairs = zip(taught.batches(), plain.batches(), strict=True)
    for number, (one, other) in enumerate(itertools.islice(pairs, _TIMED_STEPS)):
        began = time.perf_counter()
        taught.step(number, *one)
        between = time.perf_counter()
        plain.step(number, *other)
        ratios.append((between - began) / (time.perf_counter() - between))
    all_there = _EVERY * settings.get("teachers", SdDarts.teachers)
    return statistics.median(ratios[all_there::_EVERY])


if __name__ == "__main__":
    main()
