"""Do a supernet's own past teachers find better cells? Real searches on CIFAR-10, true accuracies.

    python -m benchmarks.sd_darts_cifar10 [--epochs 25] [--only CONFIG] [--threads 2]

Plain DARTS, SD-DARTS, SD-DARTS with a trained ResNet-56 beside its own past, beta-DARTS, and
SD-DARTS with beta-DARTS's regulariser search with the small supernet of `benchmarks.small_cells`,
some minutes of two cores each. The last one puts two parts together, each as it is in its own
method; it was added after the first cells of the others were seen, and before any of its own. A row
a search and their means: the found cell's accuracies in the table of NAS-Bench-201, its skip
connections (three of six edges or more are a collapse), and at the end of the search the gap
between supernet and cell, the sharpness of the loss and the dominant eigenvalue of alpha's Hessian.
A cell that is not in the shared table has no accuracy, and is not in their mean. The ResNet-56 has
learned small images first (`benchmarks.small_resnet56`); ``teacher_accuracy`` is its own on the
test images. Searches of another length (``--epochs``) have a file of their own; ``--only`` writes
none. The same command continues.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress

from benchmarks.record import write_rows
from benchmarks.small_cells import EPOCHS, RUNS, SEEDS, mean_rows, search, show
from benchmarks.small_resnet56 import make_small_resnet56
from nas_kd.training.darts.methods import BetaDarts

_TAUGHT = "sd-darts+resnet56"
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "darts": ("darts", {}),
    "sd-darts": ("sd-darts", {}),
    _TAUGHT: (
        "sd-darts",
        {"teacher_sources": "snapshots+external", "teacher_views": "clean"},
    ),
    "beta-darts": ("beta-darts", {}),
    "sd-darts+beta": ("sd-darts", {"beta_slope": BetaDarts.beta_slope}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--only", choices=list(CONFIGS), action="append")
    parser.add_argument("--run-dir", type=Path, default=RUNS)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    epochs = options.epochs
    torch.set_num_threads(options.threads)
    rows = []
    with Progress(console=Console(stderr=True)) as progress:
        chosen = options.only or list(CONFIGS)
        known = make_small_resnet56(progress) if _TAUGHT in chosen else None
        for seed in SEEDS:
            for name in chosen:
                method, settings = CONFIGS[name]
                facts: dict[str, Any] = {"config": name, "epochs": epochs}
                if name == _TAUGHT:
                    facts["teacher_accuracy"] = known
                folder = options.run_dir / f"{name}-{epochs}-{seed}"
                whole = {**settings, "epochs": epochs}
                rows.append({**facts, **search(folder, method, seed, whole, progress=progress)})
    rows += mean_rows(rows, ("config", "epochs"))
    show(Console(), rows, ("config", "seed"))
    if not options.only:  # else the rows of all others would be lost
        of_length = "" if epochs == EPOCHS else f"_{epochs}_epochs"
        Console().print(f"rows in {write_rows(f'sd_darts_cifar10{of_length}', rows)}")


if __name__ == "__main__":
    main()
