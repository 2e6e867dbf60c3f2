"""Do a supernet's own past teachers find better cells? Real searches on CIFAR-10, true accuracies.

    python -m benchmarks.sd_darts_cifar10 [--seeds 3] [--epochs 25] [--only CONFIG] [--threads 2]

Plain DARTS, SD-DARTS, SD-DARTS with a trained ResNet-56 beside its own past, and beta-DARTS search
with the small supernet of `benchmarks.small_cells`, some minutes of two cores each. The rows tell
the found cell's accuracies in the table of NAS-Bench-201, and at the end of the search its skip
connections, the sharpness of the loss, the dominant eigenvalue of alpha's Hessian and the
discretisation gap. A cell that is not in the shared table is told as such and not averaged. Longer
searches (``--epochs``), in which DARTS collapses, have rows of their own; ``--only`` writes none.
The same command continues.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress

from benchmarks.record import write_rows
from benchmarks.small_cells import EPOCHS, RUNS, means, search, show_means

CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "darts": ("darts", {}),
    "sd-darts": ("sd-darts", {}),
    "sd-darts+resnet56": (
        "sd-darts",
        {"teacher_sources": "snapshots+external", "teacher_views": "clean"},
    ),
    "beta-darts": ("beta-darts", {}),
}
_MEANS = (
    "c10_accuracy",
    "c100_accuracy",
    "skips",
    "sharpness",
    "alpha_eigenvalue",
    "discretisation_gap",
    "seconds",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--only", choices=list(CONFIGS), action="append")
    parser.add_argument("--run-dir", type=Path, default=RUNS)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    epochs = options.epochs
    torch.set_num_threads(options.threads)
    console = Console(stderr=True)
    rows = []
    with Progress(console=console) as progress:
        for seed in range(options.seeds):
            for name in options.only or CONFIGS:
                method, settings = CONFIGS[name]
                folder = options.run_dir / f"{name}-{epochs}-{seed}"
                found = search(
                    folder, method, seed, {**settings, "epochs": epochs}, progress=progress
                )
                rows.append({"config": name, "seed": seed, "epochs": epochs, **found})
    show_means(Console(), means(rows, "config", _MEANS))
    if not options.only:  # else the rows of all others would be lost
        of_length = "" if epochs == EPOCHS else f"_{epochs}_epochs"
        Console().print(f"rows in {write_rows(f'sd_darts_cifar10{of_length}', rows)}")


if __name__ == "__main__":
    main()
