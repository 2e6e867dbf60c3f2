"""All sizes of a ResNet from one training with a teacher, against two of them distilled alone.

    python -m benchmarks.elastic_supervised [--epochs 4] [--images 47500] [--precision bf16]
                                            [--learn-from largest teacher] [--seed 0] [--fresh]

An elastic ResNet of bottlenecks with batch norm is trained on CIFAR-10 by the sandwich rule, the
published ResNet-56 teaching its largest network, and that one (``largest``: in-place distillation,
the default of the method) or ResNet-56 again (``teacher``) the others. Largest and smallest are in
every step; each is also distilled alone from ResNet-56 with the same loss, settings and number of
steps, from random weights. ResNet-56 sees each training image once, unaugmented. All are judged on
the shared 8,000 test images, the elastic ones with batch-norm statistics taken anew.

Bar: the elastic largest and smallest network are each within one point of the one trained alone.

Everything is kept under ``runs/elastic-supervised``; the same command continues there. Rows of
other lengths, precisions and seeds stay in the results.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress

from benchmarks.cifar10 import resnet56_teacher
from benchmarks.kept_facts import KeptFacts
from benchmarks.record import rows_beside, write_rows
from nas_kd.data import DataSplits, load_data
from nas_kd.training import evaluate_accuracy, train_student
from nas_kd.training.elastic.judging import accuracy
from nas_kd.training.pretraining import METHODS, Job, PretrainingFolder, load_supernet, pretrain
from nas_kd.training.processes import make_accelerator
from nas_kd.training.sandwich.settings import SandwichSettings
from search_spaces import Arch, ElasticResNet, Task, create_space

DATA = "benchmarks.cifar10:cifar10_data"
TEACHER = "benchmarks.cifar10:resnet56_teacher"
SPACE = {
    "width": 32,
    "least_width": 16,
    "width_step": 8,
    "depth_2": 3,
    "least_depth_2": 1,
    "depth_3": 4,
    "least_depth_3": 1,
    "planes": 32,
    "group_norm": 0,
    "output_stride": 32,
}
SETTINGS = SandwichSettings(
    batch_size=128,
    random_students=1,
    label_weight=0.1,
    teacher_weight=0.9,
    teacher_views="clean",
    temperature=4.0,
    label_smoothing=0.0,
    optimizer="sgd",
    learning_rate=0.05,
    weight_decay=5e-4,
    warmup=0.05,
    gradient_clip=5.0,
    drop_path=0.0,
    init="random",
)
ENDS = {"smallest": ElasticResNet(**SPACE).smallest, "largest": ElasticResNet(**SPACE).largest}
MOST_POINTS_LOST = 1.0
_SOURCES = ("largest", "teacher")
_KEY = ("network", "epochs", "images", "learn_from", "precision", "seed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--images", type=int, default=47_500, help="of the training images")
    parser.add_argument("--learn-from", nargs="+", choices=_SOURCES, default=list(_SOURCES))
    parser.add_argument("--precision", choices=("no", "bf16"), default="no")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    words = (options.epochs, options.images, options.precision, options.seed)
    folder = Path("runs/elastic-supervised") / "-".join(map(str, words))
    if options.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    kept = KeptFacts(folder)
    data = load_data(_source(options), seed=options.seed)
    settings = replace(SETTINGS, epochs=options.epochs, precision=options.precision)
    with Progress(console=Console(stderr=True)) as progress:
        alone = {
            name: kept.once(
                name, partial(_alone, name, arch, kept, data, settings, options, progress)
            )
            for name, arch in ENDS.items()
        }
        rows = [
            row
            for source in options.learn_from
            for row in _elastic(
                kept, alone, data, replace(settings, learn_from=source), options, progress
            )
        ]
    beside = rows_beside("elastic_supervised", _KEY, rows)
    _report(rows, write_rows("elastic_supervised", [*beside, *rows]))


def _source(options: argparse.Namespace) -> str:
    return f"{DATA}?train_images={options.images}"


def _elastic(
    kept: KeptFacts,
    alone: Mapping[str, Mapping[str, Any]],
    data: DataSplits,
    settings: SandwichSettings,
    options: argparse.Namespace,
    progress: Progress,
) -> list[dict[str, Any]]:
    """Trains the supernet in one of the two ways; a row for each of its ends."""
    name = f"elastic-{settings.learn_from}"
    run, space = kept.folder / name, ElasticResNet(**SPACE)
    begun = kept.once(f"{name}-begun", dict)
    seconds = _train_elastic(run, _source(options), settings, options.seed, progress)
    elastic = kept.once(name, lambda: _judge(run, ENDS, data))
    return [
        {
            "network": name,
            "arch": space.describe(arch),
            "macs": space.sizes(arch, _task(data)).macs,
            "elastic_accuracy": elastic[name],
            "alone_accuracy": alone[name]["accuracy"],
            "points": round(100 * (elastic[name] - alone[name]["accuracy"]), 3),
            "epochs": options.epochs,
            "images": len(data.train),
            "learn_from": settings.learn_from,
            "precision": options.precision,
            "elastic_minutes": round(seconds / 60, 2),
            "alone_minutes": round(alone[name]["seconds"] / 60, 2),
            "sizes_in_one_run": space.size,
            "seed": options.seed,
            "commit": begun["commit"],
        }
        for name, arch in ENDS.items()
    ]


def _train_elastic(
    path: Path, source: str, settings: SandwichSettings, seed: int, progress: Progress
) -> float:
    """Trains the supernet to its end; seconds that it took."""
    task = progress.add_task("elastic", total=settings.epochs)
    folder = PretrainingFolder(path)
    folder.claim(
        {
            "method": "sandwich",
            "settings": asdict(settings),
            "space": ElasticResNet.name,
            "space_options": SPACE,
            "data": source,
            "teacher": TEACHER,
            "seed": seed,
        }
    )
    job = Job(
        space=create_space(ElasticResNet.name, **SPACE),
        settings=settings,
        data=source,
        teacher=TEACHER,
        checkpoint=None,
        image_size=None,
        seed=seed,
        accelerator=make_accelerator(settings.precision),
    )

    def tell(done: int, total: int, best: str) -> None:
        progress.update(task, completed=done, description=f"elastic {best}")

    return float(pretrain(METHODS.get("sandwich"), job, folder, tell)["seconds"])


def _judge(run: Path, ends: dict[str, Arch], data: DataSplits) -> dict[str, float]:
    supernet: Any = load_supernet(run)
    return {name: accuracy(supernet, arch, data, data.test) for name, arch in ends.items()}


def _alone(
    name: str,
    arch: Arch,
    kept: KeptFacts,
    data: DataSplits,
    settings: SandwichSettings,
    options: argparse.Namespace,
    progress: Progress,
) -> dict[str, float]:
    """The network distilled alone for as many steps; its best weights by validation."""
    task = progress.add_task(f"{name} alone", total=settings.epochs)
    torch.manual_seed(options.seed)
    network = ElasticResNet(**SPACE).build(arch, _task(data))
    result = train_student(
        network,
        data,
        teacher=resnet56_teacher(),
        distillers={"kd": settings.teacher_weight},
        settings=settings.training(),
        seed=options.seed,
        checkpoint_dir=kept.folder / f"{name}-training",
        logits_file=kept.folder / "teacher_logits.safetensors",
        on_progress=lambda done, total, best: progress.update(task, completed=done),
    )
    assert data.test is not None
    return {"accuracy": evaluate_accuracy(network, data.test), "seconds": result.seconds}


def _task(data: DataSplits) -> Task:
    channels, side, _ = data.input_shape
    return Task(in_channels=channels, image_size=side, num_classes=data.num_classes)


def _report(rows: list[dict[str, Any]], path: Path) -> None:
    console = Console()
    for row in rows:
        console.print(
            f"{row['network']}, learning from {row['learn_from']}: elastic "
            f"{row['elastic_accuracy']:.2%}, alone "
            f"{row['alone_accuracy']:.2%} ({row['points']:+.2f} points)",
            highlight=False,
        )
    for source in dict.fromkeys(row["learn_from"] for row in rows):
        points = [row["points"] for row in rows if row["learn_from"] == source]
        met = "met" if min(points) >= -MOST_POINTS_LOST else "NOT MET"
        console.print(f"learning from {source}, bar of {MOST_POINTS_LOST} point: {met}")
    console.print(f"rows in {path}")


if __name__ == "__main__":
    main()
