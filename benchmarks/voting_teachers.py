"""How many teachers, how they vote, and what they cost: an ablation of SD-DARTS on CIFAR-10.

    python -m benchmarks.voting_teachers [--epochs 15] [--seeds 3]

One, two, three and five voting teachers, soft and hard votes, snapshots and cached logits, in the
small supernet of `benchmarks.small_cells`; beside each the time of a search step with all of its
teachers there, as a ratio to plain DARTS, the steps of both taken in turn. The same command
continues.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from benchmarks.record import write_rows
from benchmarks.small_cells import EPOCHS, means, search, search_job, show_means, use_two_cores
from nas_kd.training.darts.session import SearchSession

TEACHERS, VOTES, SOURCES = (1, 2, 3, 5), ("soft", "hard"), ("snapshots", "cached")
_INTERVAL, _EVERY = 0.05, 5
"""Epochs, and the steps that these are, between two teachers while steps are timed."""
_TIMED_STEPS = 40
_MEANS = ("c10_accuracy", "c100_accuracy", "skips", "sharpness", "step_ratio")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--run-dir", type=Path, default=Path("runs/voting-teachers"))
    options = parser.parse_args()
    use_two_cores()
    rows = []
    with Progress(console=Console(stderr=True)) as progress:
        for teachers, vote, source in itertools.product(TEACHERS, VOTES, SOURCES):
            settings = {"teachers": teachers, "vote": vote, "teacher_sources": source}
            name = f"{teachers}-{vote}-{source}"
            ratio = step_ratio(settings)
            for seed in range(options.seeds):
                found = search(
                    options.run_dir / f"{name}-{options.epochs}-{seed}",
                    "sd-darts",
                    seed,
                    {"epochs": options.epochs, "teacher_start": 2.0, **settings},
                    progress=progress,
                )
                rows.append(
                    {"config": name, **settings, "seed": seed, "step_ratio": ratio, **found}
                )
    path = write_rows("voting_teachers", rows)
    show_means(Console(), means(rows, "config", _MEANS))
    Console().print(f"rows in {path}")


def step_ratio(settings: dict[str, Any]) -> float:
    """Median time of a step with all teachers there, over that of plain DARTS."""
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
    return statistics.median(ratios[_EVERY * settings["teachers"] :])


if __name__ == "__main__":
    main()
