"""Do a supernet's own past teachers find better cells? Real searches on CIFAR-10, true accuracies.

    python -m benchmarks.sd_darts_cifar10 [--epochs 15] [--seeds 3] [--only CONFIG]

Plain DARTS, SD-DARTS, SD-DARTS with a trained ResNet-56 beside its own past, and beta-DARTS search
with the small supernet of `benchmarks.small_cells`, some minutes of two cores each. The rows tell
the found cell's accuracies in the table of NAS-Bench-201, and at the end of the search its skip
connections, the sharpness of the loss, the dominant eigenvalue of alpha's Hessian and the
discretisation gap. A cell that is not in the shared table is told as such and not averaged. With
more ``--epochs`` plain DARTS is shown where it collapses. The same command continues.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from benchmarks.record import write_rows
from benchmarks.small_cells import EPOCHS, means, search, show_means, use_two_cores

CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "darts": ("darts", {}),
    "sd-darts": ("sd-darts", {"teacher_start": 2.0}),
    "sd-darts+resnet56": (
        "sd-darts",
        {"teacher_start": 2.0, "teacher_sources": "snapshots+external"},
    ),
    "beta-darts": ("beta-darts", {}),
}
"""Teachers start after two epochs: SAF's five would be a third of so short a search."""

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
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=list(CONFIGS), action="append")
    parser.add_argument("--run-dir", type=Path, default=Path("runs/sd-darts-cifar10"))
    options = parser.parse_args()
    use_two_cores()
    console = Console(stderr=True)
    rows = []
    with Progress(console=console) as progress:
        for seed in range(options.seeds):
            for name in options.only or CONFIGS:
                method, settings = CONFIGS[name]
                folder = options.run_dir / f"{name}-{options.epochs}-{seed}"
                found = search(
                    folder,
                    method,
                    seed,
                    {"epochs": options.epochs, "eigenvalue_every": 1, **settings},
                    progress=progress,
                )
                rows.append({"config": name, "seed": seed, "epochs": options.epochs, **found})
    path = write_rows(f"sd_darts_cifar10_{options.epochs}", rows)
    show_means(Console(), means(rows, "config", _MEANS))
    Console().print(f"rows in {path}")


if __name__ == "__main__":
    main()
