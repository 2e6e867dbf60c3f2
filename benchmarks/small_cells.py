"""Real searches on CIFAR-10 with a small supernet of NAS-Bench-201, and what their cells are worth.

The reduction: one cell a stage in place of five, images of 16 x 16 pixels in place of 32 x 32,
12,800 of the 50,000 training images, half of them for the weights, in place of all, and 25 epochs
of 100 steps in place of 50 of 390. Alpha learns ten times as fast as published. A snapshot is taken
every three epochs, an external teacher is heard after two, and what teachers say weighs 1.5. No
edge of a found cell is ``none``, which is DARTS's own rule. Cells are judged by the table of the
full networks, never by the small ones.

All of this was chosen while the cells of seeds 0 to 2 were looked at in that table, the distance of
teachers after seeds 3 to 5: one epoch apart they are the student itself at the end, when the
learning rate is low, and its loss becomes as sharp as without them. What is reported are other
seeds, on which nothing was chosen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.cifar10 import cifar10_data, data_file
from benchmarks.record import commit
from benchmarks.small_resnet56 import WEIGHTS
from nas_kd.data import DataSplits, stratified_split
from nas_kd.file_digest import sha256
from nas_kd.training.pretraining import METHODS, Job, PretrainingFolder, pretrain
from nas_kd.training.processes import make_accelerator
from search_spaces import Arch, NasBench201

RUNS = Path("runs/small-cells")
SEEDS = (6, 7, 8)
IMAGES, SIDE = 12_800, 16
EPOCHS, BATCH = 25, 64
ALPHA_LEARNING_RATE = 3e-3
TEACHER_START, TEACHER_INTERVAL, TEACHER_WEIGHT = 2.0, 3.0, 1.5
TEACHER = "benchmarks.small_resnet56:small_resnet56"
TABLE = {"c10_accuracy": "c10_test_200", "c100_accuracy": "c100_test_200"}
FIGURES = (
    "c10_accuracy",
    "c100_accuracy",
    "skips",
    "discretisation_gap",
    "sharpness",
    "alpha_eigenvalue",
    "supernet_accuracy",
    "cell_accuracy",
    "seconds",
    "cpu_seconds",
)
"""What rows tell of a search and means are taken of."""
_SHOWN = {
    "c10_accuracy": "C-10",
    "c100_accuracy": "C-100",
    "skips": "skips",
    "discretisation_gap": "gap",
    "sharpness": "sharp",
}
_OPTIONS = {"cells_per_stage": 1}
_DATA = "benchmarks.small_cells:small_cifar10"


def small_cifar10(seed: int, image_size: int | None = None) -> DataSplits:
    """12,800 training images, 1,280 of each class, and the 2,500 of validation."""
    whole = cifar10_data(seed, image_size)
    share = 1 - IMAGES / len(whole.train)
    chosen, _ = stratified_split(whole.train.labels, share, seed)
    return replace(whole, train=whole.train.subset(chosen))


def search(
    folder: Path, method: str, seed: int, settings: Mapping[str, Any], *, progress: Progress
) -> dict[str, Any]:
    """One search, continued where it stands: the cell that it found and the `FIGURES`.

    Accuracies are those of the table, all else is of the last epoch. The commit and the threads are
    those with which it began, ``cpu_seconds`` those of all calls that were not killed.

    Args:
        folder: Its own.
        method: Name in the registry.
        seed: Of everything.
        settings: Beside the reduction.
        progress: Shows the epochs.
    """
    job = search_job(method, seed, settings)
    run = PretrainingFolder(folder)
    run.claim(
        {
            "method": method,
            "settings": _reduced(method, settings),
            "space": NasBench201.name,
            "space_options": _OPTIONS,
            "data": f"{job.data}, {IMAGES} images of {SIDE} x {SIDE}",
            "teacher": job.teacher and f"{job.teacher} {sha256(WEIGHTS)}",
            "seed": seed,
        }
    )
    task = progress.add_task(folder.name)

    def show(done: int, total: int, best: str) -> None:
        progress.update(task, completed=done, total=total, description=f"{folder.name}  {best}")

    with run.lock():
        begun = run.read_state("begun") or {
            "commit": commit(),
            "threads": torch.get_num_threads(),
            "cpu_seconds": 0.0,
        }
        run.write_state("begun", begun)
        before = time.process_time()
        try:
            facts = run.facts() or pretrain(METHODS.get(method), job, run, show)
        finally:
            begun["cpu_seconds"] += time.process_time() - before
            run.write_state("begun", begun)
    last = pd.read_csv(run.metrics_csv).iloc[-1].to_dict()
    found = {**last, **worth(facts["arch"]), "seconds": facts["seconds"], **begun}
    kept = ("cell", "index", "in_table", *FIGURES, "threads", "commit")
    return {"seed": seed, **{name: found[name] for name in kept}}


def search_job(method: str, seed: int, settings: Mapping[str, Any]) -> Job:
    """A search in the small supernet."""
    chosen = _reduced(method, settings)
    external = "external" in str(chosen.get("teacher_sources", ""))
    return Job(
        space=NasBench201(**_OPTIONS),
        settings=METHODS.get(method).settings(**chosen),
        data=_DATA,
        teacher=TEACHER if external else None,
        checkpoint=None,
        image_size=SIDE,
        seed=seed,
        accelerator=make_accelerator("no"),
    )


def _reduced(method: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """All that is not at its default."""
    reduced = {
        "epochs": EPOCHS,
        "batch_size": BATCH,
        "alpha_learning_rate": ALPHA_LEARNING_RATE,
        "keep_none": False,
        "judged_images": 500,
        "judge_every": 5,
        "eigenvalue_every": 5,
    }
    if method == "sd-darts":
        reduced |= {
            "teacher_start": TEACHER_START,
            "teacher_interval": TEACHER_INTERVAL,
            "teacher_weight": TEACHER_WEIGHT,
        }
    return {**reduced, **settings}


def worth(genes: Mapping[str, Any]) -> dict[str, Any]:
    """The cell's notation and index, and its accuracies in percent, mean of the table's seeds.

    A cell that is not in the shared table has none, and is told by ``in_table``.
    """
    arch = Arch(genes)
    index = _SPACE.index_of(arch)
    found = _table().reindex([index]).iloc[0]
    accuracies = {name: float(found[column]) for name, column in TABLE.items()}
    return {
        "cell": _SPACE.describe(arch),
        "index": index,
        **accuracies,
        "in_table": not math.isnan(accuracies["c10_accuracy"]),
    }


def mean_rows(rows: Sequence[Mapping[str, Any]], by: Sequence[str]) -> list[dict[str, Any]]:
    """A row for every combination of ``by``, in order of appearance: the means of the `FIGURES`.

    Its ``seed`` is "mean" and its ``in_table`` the number of cells of which the accuracies are.
    """
    groups = pd.DataFrame(rows).groupby(list(by), sort=False)
    found = groups[list(FIGURES)].mean().assign(in_table=groups["in_table"].sum(), seed="mean")
    return found.reset_index().to_dict("records")


def show(console: Console, rows: Sequence[Mapping[str, Any]], first: Sequence[str]) -> None:
    """A table of the columns ``first`` and those figures that tell the most."""
    headings = [name.rpartition("_")[2] for name in first]
    table = Table(*headings, *_SHOWN.values(), box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    for row in rows:
        cells = [row[name] for name in (*first, *_SHOWN)]
        table.add_row(*(f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in cells))
    console.print(table)


_SPACE = NasBench201()


@cache
def _table() -> pd.DataFrame:
    return pd.read_csv(data_file("nb201.csv.gz"), index_col="idx")
