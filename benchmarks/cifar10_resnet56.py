"""The main job on real CIFAR-10, against ResNet-20 trained as long without a teacher.

    python -m benchmarks.cifar10_resnet56 [--minutes 20] [--trials 1000]

Searches with ResNet-56 as teacher under ``macs=35%``, distils the winner for the given minutes
with DisWOT's recipe (0.9 KD at T = 4, 0.1 labels, learning rate 0.05) from the teacher's weights,
then trains ResNet-20 (about a third of the teacher's MACs) on the labels alone for the same
minutes with the same trainer, data split, augmentation and schedule, from random weights at a peak
learning rate of 0.1. Both are judged once, on the shared 8,000 test images.

The published ResNet-56 had seen all 50,000 training images, so that the validation accuracy of a
student with its weights is flattering; the test images are new to both. The same command continues
an interrupted run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress

from benchmarks.cifar10 import cifar10_data, resnet20
from benchmarks.record import write_rows
from nas_kd.costs import count_macs
from nas_kd.training import train_student
from studies.recipe_files import load_recipe
from studies.run_directory import RunDirectory
from studies.student_training import training_settings

RECIPE = Path(__file__).with_suffix(".toml")
FROM_SCRATCH = 0.1
"""Peak learning rate of ResNet-20, the usual one of a net that starts from random weights."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--run-dir", type=Path, default=Path("runs/cifar10-resnet56"))
    options = parser.parse_args()

    document = _search(options)
    baseline = _baseline(options)
    student = document["student"]
    rows = [
        {
            "net": f"student {student['description']}",
            "teacher": document["teacher"]["name"],
            "macs": student["macs"],
            "params": student["params"],
            "test_accuracy": student["accuracy"],
            "inherited_share": student["inherited_share"],
            "training_minutes": options.minutes,
            "evaluated": document["evaluated"],
            "unique": document["unique"],
            "search_seconds": document["seconds"]["search"],
            "finalists_seconds": document["seconds"]["finalists"],
        },
        {"net": "ResNet-20", "teacher": "none", "training_minutes": options.minutes, **baseline},
        {
            "net": "teacher ResNet-56",
            "macs": document["teacher"]["macs"],
            "params": document["teacher"]["params"],
            "test_accuracy": document["teacher"]["accuracy"],
        },
    ]
    path = write_rows("cifar10_resnet56", rows)
    gain = student["accuracy"] - baseline["test_accuracy"]
    Console().print(
        f"student {student['accuracy']:.2%}, ResNet-20 {baseline['test_accuracy']:.2%}: "
        f"{100 * gain:+.2f} points; rows in {path}"
    )


def _search(options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, "-m", "nas_kd", "search", "--config", str(RECIPE)]
    command += ["--minutes", str(options.minutes), "--trials", str(options.trials)]
    subprocess.run([*command, "--run-dir", str(options.run_dir)], check=True)
    document = RunDirectory.open(options.run_dir).read_result()
    if document is None:
        raise SystemExit(f"{options.run_dir} holds no finished search")
    return document


def _baseline(options: argparse.Namespace) -> dict[str, Any]:
    recipe = load_recipe(RECIPE)
    torch.manual_seed(recipe.seed)
    module = resnet20()
    settings = replace(
        training_settings(recipe.distill),
        minutes=options.minutes,
        learning_rate=FROM_SCRATCH,
        ce_weight=1.0,
    )
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("ResNet-20 without a teacher", total=1.0)
        result = train_student(
            module,
            cifar10_data(),
            teacher=None,
            distillers={},
            settings=settings,
            seed=recipe.seed,
            features=[],
            head="linear",
            checkpoint_dir=options.run_dir / "baseline",
            on_progress=lambda done, units, best: progress.update(task, completed=done / units),
        )
    counts = count_macs(module, (3, 32, 32))
    return {"macs": counts.macs, "params": counts.params, "test_accuracy": result.test_accuracy}


if __name__ == "__main__":
    main()
