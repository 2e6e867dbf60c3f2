"""POA on CIFAR-10 without labels: eight sizes from one run, against one size trained alone.

    python -m benchmarks.poa_cifar10 [--minutes 60] [--seed 0] [--runs poa alone ...] [--fresh]
                                     [--precision bf16]

A small ViT parent (patches of 8 pixels, heads of 16 channels) is pre-trained on the unlabelled
training images for the given minutes, and each of its eight sizes is judged by weighted k-NN on the
shared 8,000 test images. For comparison, as long each:

- ``alone``: the smallest size as a parent of its own, with the intact branch only;
- ``no-same-view`` and ``one-head``: the whole method without one of its parts.

The rows ``untrained`` say what k-NN makes of the pixels themselves and of random weights.

The minutes of a run become a number of epochs once, from the time of its second one; then nothing
depends on the clock. What eight trainings apart would cost for as many steps is measured, too: half
an epoch of each size alone.

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

import torch
from rich.console import Console
from rich.progress import Progress

from benchmarks.kept_facts import KeptFacts
from benchmarks.knn_of_sizes import TASK, judge, judge_untrained
from benchmarks.record import write_rows
from nas_kd.data import DataSplits, load_data
from nas_kd.training.poa.session import PoaSession
from nas_kd.training.poa.settings import PoaSettings
from nas_kd.training.pretraining import METHODS, Job, PretrainingFolder, pretrain
from nas_kd.training.processes import make_accelerator
from search_spaces import Arch, create_space

DATA = "benchmarks.cifar10:cifar10_data"
SPACE = {
    "width": 96,
    "least_width": 48,
    "width_step": 16,
    "depth": 5,
    "least_depth": 4,
    "head_dim": 16,
    "patch_size": 8,
}
SMALLEST = {**SPACE, "width": 48, "depth": 4}
SETTINGS = PoaSettings(
    batch_size=128,
    epoch_images=2560,
    local_views=4,
    intact_weight=0.6,
    prototypes=64,
    head_hidden=256,
    head_bottleneck=64,
    teacher_momentum=0.99,
    teacher_momentum_end=0.999,
    learning_rate=0.002,
    layer_decay=1.0,
    patch_embed_rate=1.0,
    drop_path=0.0,
    planned=1.0,
    warmup=0.1,
)
"""Against the published ones: fewer prototypes, as there are fewer images in a batch and fewer
things to be seen; a teacher that follows faster and schedules that come to their ends, as there are
some thousand steps; more weight on the elastic students, which gains most at the small end (POA,
table 17)."""
RUNS: dict[str, tuple[dict[str, int], dict[str, Any]]] = {
    "poa": (SPACE, {}),
    "alone": (SMALLEST, {"elastic_students": 0}),
    "no-same-view": (SPACE, {"same_view": False}),
    "one-head": (SPACE, {"heads": 1, "prototypes": 512}),
}
"""Name of a run to its space and to what is changed in its settings."""

BANK = 20_000
TOLERANCE = 0.01
UNTRAINED = "untrained"
_SHARE = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--bank", type=int, default=BANK)
    parser.add_argument("--precision", choices=("no", "bf16"), default="no")
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    folder = Path("runs/poa-cifar10") / f"{options.minutes:g}-{options.precision}-{options.seed}"
    if options.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    kept = KeptFacts(folder)
    data = load_data(DATA, seed=options.seed)
    untrained = kept.once(UNTRAINED, lambda: _untrained(data, options))
    rows = [_row(UNTRAINED, size, options) for size in untrained["sizes"]]
    with Progress(console=Console(stderr=True)) as progress:
        for name in options.runs:
            rows += _run(name, kept, data, options, progress)
        cost = _cost(kept, options, progress)
    rows = [{**row, **(cost if row["run"] == "poa" else {})} for row in rows]
    _report(rows, write_rows("poa_cifar10", rows))


def _untrained(data: DataSplits, options: argparse.Namespace) -> dict[str, Any]:
    torch.manual_seed(options.seed)
    space: Any = create_space("elastic-vit", **SPACE)
    supernet = space.supernet(replace(TASK, num_classes=0), scaled=SETTINGS.scaled).eval()
    return judge_untrained(supernet, data, options.bank)


def _run(
    name: str, kept: KeptFacts, data: DataSplits, options: argparse.Namespace, progress: Progress
) -> list[dict[str, Any]]:
    """Trains one run to its end; a row for each of its sizes."""
    task = progress.add_task(name, total=None)
    plan = kept.once(f"plan-{name}", lambda: _plan(name, options))
    job = _job(name, plan["epochs"], options)
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
    judged = kept.once(f"judged-{name}", lambda: judge(folder.path, data, options.bank))
    trained = {"epochs": plan["epochs"], "minutes": round(facts["seconds"] / 60, 2)}
    return [_row(name, size, options, **trained) for size in judged["sizes"]]


def _row(
    run: str,
    size: Mapping[str, Any],
    options: argparse.Namespace,
    *,
    epochs: int = 0,
    minutes: float = 0.0,
) -> dict[str, Any]:
    return {
        "run": run,
        **size,
        "epochs": epochs,
        "images_seen": epochs * (SETTINGS.epoch_images or 0),
        "minutes": minutes,
        "bank": options.bank,
        "precision": options.precision,
        "seed": options.seed,
    }


def _job(name: str, epochs: int, options: argparse.Namespace) -> Job:
    space, changes = RUNS[name]
    settings = replace(SETTINGS, epochs=epochs, precision=options.precision, **changes)
    return _job_of(space, settings, options.seed)


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
    session = PoaSession(_job(name, 2, options))
    session.run_unit()
    began = time.monotonic()
    session.run_unit()
    seconds = time.monotonic() - began
    return {"epochs": max(2, round(60 * options.minutes / seconds)), "epoch_seconds": seconds}


def _cost(kept: KeptFacts, options: argparse.Namespace, progress: Progress) -> dict[str, float]:
    """Time of a step of the whole method, as a share of that of all sizes trained apart."""
    space: Any = create_space("elastic-vit", **SPACE)
    settings = replace(SETTINGS, precision=options.precision)
    parts = {"together": (SPACE, settings)} | {
        f"{arch['width']}-{arch['depth']}": (_alone(arch), replace(settings, elastic_students=0))
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
