"""POA on CIFAR-10 without labels: eight sizes from one run, against one size trained alone.

    python -m benchmarks.poa_cifar10 [--minutes 60] [--seed 0] [--runs poa alone ...] [--fresh]

A small ViT parent (patches of 4 pixels, heads of 16 channels) is pre-trained on the unlabelled
training images for the given minutes, and each of its eight sizes is judged by weighted k-NN on the
shared 8,000 test images. For comparison, as long each:

- ``alone``: the smallest size as a parent of its own, with the intact branch only;
- ``no-same-view`` and ``one-head``: the whole method without one of its parts.

The minutes of a run become a number of epochs once, from the time of its first one; then nothing
depends on the clock. What eight trainings apart would cost for as many steps is measured, too: a
tenth of an epoch of each size alone.

Bars: the smallest size beats ``alone``; from size to size, by MACs, no accuracy is more than one
point below that of a smaller one.

Everything is kept under ``runs/poa-cifar10``; the same command continues there.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from benchmarks.kept_facts import KeptFacts
from benchmarks.record import write_rows
from nas_kd.data import DataSplits, load_data
from nas_kd.training.embeddings import read_embeddings
from nas_kd.training.knn import knn_accuracy
from nas_kd.training.poa.session import PoaSession
from nas_kd.training.poa.settings import PoaSettings
from nas_kd.training.pretraining import METHODS, Job, PretrainingFolder, load_supernet, pretrain
from nas_kd.training.processes import make_accelerator
from search_spaces import Arch, Task, create_space

DATA = "benchmarks.cifar10:cifar10_data"
SPACE = {
    "width": 112,
    "least_width": 64,
    "width_step": 16,
    "depth": 5,
    "least_depth": 4,
    "head_dim": 16,
    "patch_size": 4,
}
SMALLEST = {**SPACE, "width": 64, "depth": 4}
SETTINGS = PoaSettings(
    batch_size=128,
    epoch_images=1280,
    local_views=4,
    prototypes=256,
    head_hidden=512,
    head_bottleneck=128,
    learning_rate=0.004,
    layer_decay=1.0,
    patch_embed_rate=1.0,
    drop_path=0.0,
    planned=1.0,
    warmup=0.1,
)
RUNS: dict[str, tuple[dict[str, int], dict[str, Any]]] = {
    "poa": (SPACE, {}),
    "alone": (SMALLEST, {"elastic_students": 0}),
    "no-same-view": (SPACE, {"same_view": False}),
    "one-head": (SPACE, {"heads": 1, "prototypes": 2048}),
}
"""Name of a run to its space and to what is changed in its settings."""

BANK = 20_000
TOLERANCE = 0.01
_SHARE = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--bank", type=int, default=BANK)
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    folder = Path("runs/poa-cifar10") / f"{options.minutes:g}-{options.seed}"
    if options.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    kept = KeptFacts(folder)
    data = load_data(DATA, seed=options.seed)
    rows: list[dict[str, Any]] = []
    with Progress(console=Console(stderr=True)) as progress:
        for name in options.runs:
            rows += _run(name, kept, data, options, progress)
        cost = _cost(kept, options, progress)
    rows = [{**row, **(cost if row["run"] == "poa" else {})} for row in rows]
    _report(rows, write_rows("poa_cifar10", rows))


def _run(
    name: str, kept: KeptFacts, data: DataSplits, options: argparse.Namespace, progress: Progress
) -> list[dict[str, Any]]:
    """Trains one run to its end; a row for each of its sizes."""
    task = progress.add_task(name, total=None)
    plan = kept.once(f"plan-{name}", lambda: _plan(name, options))
    job = _job(name, plan["epochs"], options.seed)
    folder = PretrainingFolder(kept.folder / name)
    folder.claim(_description(name, job))
    facts = pretrain(
        METHODS.get("poa"),
        job,
        folder,
        lambda done, total, best: progress.update(
            task, completed=done, total=total, description=f"{name}: {best}"
        ),
    )
    judged = kept.once(f"judged-{name}", lambda: _judge(folder.path, data, options.bank))
    return [
        {
            "run": name,
            **size,
            "epochs": plan["epochs"],
            "images_seen": plan["epochs"] * SETTINGS.epoch_images,
            "minutes": round(facts["seconds"] / 60, 2),
            "bank": options.bank,
            "seed": options.seed,
        }
        for size in judged["sizes"]
    ]


def _job(name: str, epochs: int, seed: int) -> Job:
    space, changes = RUNS[name]
    settings = replace(SETTINGS, epochs=epochs, **changes)
    return _job_of(space, settings, seed)


def _job_of(space: Mapping[str, int], settings: PoaSettings, seed: int) -> Job:
    return Job(
        space=create_space("elastic-vit", **space),
        settings=settings,
        data=DATA,
        teacher=None,
        checkpoint=None,
        image_size=None,
        seed=seed,
        accelerator=make_accelerator(settings.precision),
    )


def _description(name: str, job: Job) -> dict[str, Any]:
    return {
        "method": "poa",
        "settings": asdict(job.settings),
        "space": "elastic-vit",
        "space_options": RUNS[name][0],
        "data": DATA,
        "seed": job.seed,
    }


def _plan(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """How many epochs take the given minutes, by a second epoch that is thrown away."""
    session = PoaSession(_job(name, 2, options.seed))
    session.run_unit()
    began = time.monotonic()
    session.run_unit()
    seconds = time.monotonic() - began
    return {"epochs": max(2, round(60 * options.minutes / seconds)), "epoch_seconds": seconds}


def _judge(run: Path, data: DataSplits, bank: int) -> dict[str, Any]:
    """k-NN accuracy of every size on the test images, by ascending MACs."""
    supernet: Any = load_supernet(run)
    assert data.test is not None
    known = data.train.subset(range(min(bank, len(data.train))))
    sizes = []
    for arch in supernet.space.enumerate():
        seen, asked = (
            read_embeddings(supernet, lambda x: supernet.embed(x, arch).pooled, images)  # noqa: B023
            for images in (known, data.test)
        )
        sizes.append(
            {
                "arch": supernet.space.describe(arch),
                "macs": _macs(supernet.space, arch),
                "knn_accuracy": knn_accuracy(seen, known.labels, asked, data.test.labels),
            }
        )
    return {"sizes": sorted(sizes, key=lambda size: size["macs"])}


def _macs(space: Any, arch: Arch) -> int:
    return int(space.sizes(arch, Task(in_channels=3, image_size=32, num_classes=10)).macs)


def _cost(kept: KeptFacts, options: argparse.Namespace, progress: Progress) -> dict[str, float]:
    """Time of a step of the whole method, as a share of that of all sizes trained apart."""
    space: Any = create_space("elastic-vit", **SPACE)
    parts = {"together": (SPACE, SETTINGS)} | {
        f"{arch['width']}-{arch['depth']}": (_alone(arch), replace(SETTINGS, elastic_students=0))
        for arch in space.enumerate()
    }
    seconds = {
        name: kept.once(f"cost-{name}", lambda: _tenth(*part, options.seed))["seconds"]  # noqa: B023
        for name, part in progress.track(parts.items(), description="cost of the sizes apart")
    }
    together = seconds.pop("together")
    return {"apart_to_together": round(sum(seconds.values()) / together, 3)}


def _alone(arch: Arch) -> dict[str, int]:
    """A space of one size."""
    width, depth = int(arch["width"]), int(arch["depth"])
    return {
        **SPACE,
        "width": width,
        "least_width": width,
        "depth": depth,
        "least_depth": depth,
    }


def _tenth(space: dict[str, int], settings: PoaSettings, seed: int) -> dict[str, float]:
    images = (settings.epoch_images or 0) // _SHARE
    session = PoaSession(_job_of(space, replace(settings, epochs=2, epoch_images=images), seed))
    session.run_unit()
    began = time.monotonic()
    session.run_unit()
    return {"seconds": time.monotonic() - began}


def _report(rows: list[dict[str, Any]], path: Path) -> None:
    console = Console()
    for row in rows:
        line = f"{row['run']}: {row['arch']} {row['knn_accuracy']:.2%}"
        console.print(line, highlight=False, markup=False)
    smallest = {row["run"]: row["knn_accuracy"] for row in reversed(rows)}
    curve = [row["knn_accuracy"] for row in rows if row["run"] == "poa"]
    if {"poa", "alone"} <= smallest.keys():
        gain = smallest["poa"] - smallest["alone"]
        console.print(
            f"smallest against alone {100 * gain:+.2f} points: {_met(gain > 0)}; falls along the "
            f"curve of {len(curve)} sizes at most {100 * _fall(curve):.2f} points: "
            f"{_met(_fall(curve) <= TOLERANCE)}",
            highlight=False,
        )
    console.print(f"rows in {path}")


def _fall(curve: list[float]) -> float:
    """The largest loss of accuracy from a size to a larger one."""
    return max(max(curve[: n + 1]) - accuracy for n, accuracy in enumerate(curve))


def _met(is_met: bool) -> str:
    return "bar met" if is_met else "bar NOT MET"


if __name__ == "__main__":
    main()
