"""POA on CIFAR-10 without labels: eight sizes from one run, against one size trained alone.

    python -m benchmarks.poa_cifar10 [--minutes 60] [--seeds 0 1 2] [--runs poa alone ...]
                                     [--precision bf16] [--fresh]

A small ViT parent (patches of 8 pixels, heads of 16 channels) is pre-trained on the unlabelled
training images for the given minutes, and each of its eight sizes is judged by weighted k-NN on the
shared 8,000 test images. For comparison, as long each:

- ``alone``: the smallest size as a parent of its own, with the intact branch only;
- ``no-same-view`` and ``one-head``: the whole method without one of its parts.

The rows ``untrained`` say what k-NN makes of the pixels themselves and of random weights.

The minutes become a number of epochs of each run once, from the median time of some epochs of all
runs in turn; then nothing depends on the clock. Epochs of all are timed in turn once more at the
end: ``minutes_paired`` is what a run takes by these, beside the ``minutes`` that it took, which
other work on the machine lengthens. What eight trainings apart would cost for as many steps is
measured, too: half an epoch of each size alone.

Bars: over the seeds, the smallest size beats ``alone``, the 95 % interval over the test images
above 0; from size to size, by MACs, no accuracy is more than one point below that of a smaller one;
and ``alone`` is not over 3 % shorter than ``poa`` by the times in turn.

Everything is kept under ``runs/poa-cifar10``; the same command continues there. Rows of other
minutes, precisions, seeds and runs stay in the results.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import mean, median
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress

from benchmarks.kept_facts import KeptFacts
from benchmarks.knn_of_sizes import TASK, judge, judge_untrained
from benchmarks.paired import Gain, paired_gain
from benchmarks.record import rows_beside, write_rows
from nas_kd.data import DataSplits, load_data
from nas_kd.training.poa.session import PoaSession
from nas_kd.training.poa.settings import PoaSettings
from nas_kd.training.pretraining import METHODS, Job, PretrainingFolder, pretrain
from nas_kd.training.processes import make_accelerator
from search_spaces import Arch, create_space

DATA = "benchmarks.cifar10:cifar10_data"
SPACE = {
    "width": 64,
    "least_width": 16,
    "width_step": 16,
    "depth": 4,
    "least_depth": 3,
    "head_dim": 16,
    "patch_size": 8,
}
"""The largest has 16 times the MACs of the smallest; of the published ViTs it is 14 times."""
SMALLEST = {**SPACE, "width": 16, "depth": 3}
SETTINGS = PoaSettings(
    batch_size=128,
    epoch_images=2560,
    local_views=2,
    intact_weight=0.6,
    prototypes=64,
    head_hidden=256,
    head_bottleneck=64,
    teacher_momentum=0.99,
    teacher_momentum_end=0.999,
    teacher_temperature=0.015,
    teacher_temperature_end=0.02,
    temperature_warmup=1.0,
    learning_rate=0.002,
    layer_decay=1.0,
    patch_embed_rate=1.0,
    drop_path=0.0,
    planned=1.0,
    warmup=0.1,
    judge_every=1_000_000,
)
"""Against the published ones: fewer prototypes, as there are fewer images in a batch and fewer
things to be seen; a teacher that follows faster and schedules that come to their ends, as there are
some thousand steps; a colder teacher and fewer local views, as two views of an image of 32 x 32
pixels have little in common at first (`agreement`, about 0.35); more weight on the elastic
students, which gains most at the small end (POA, table 17). Nothing is judged before the end, so
that the time goes into steps."""
RUNS: dict[str, tuple[dict[str, int], dict[str, Any]]] = {
    "poa": (SPACE, {}),
    "alone": (SMALLEST, {"elastic_students": 0}),
    "no-same-view": (SPACE, {"same_view": False}),
    "one-head": (SPACE, {"heads": 1, "prototypes": 512}),
}
"""Name of a run to its space and to what is changed in its settings."""

BANK = 20_000
TOLERANCE = 0.01
MOST_TIME = 0.03
UNTRAINED = "untrained"
_TIMED_EPOCHS = 5
_KEY = ("run", "arch", "minutes_planned", "precision", "bank", "seed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--bank", type=int, default=BANK)
    parser.add_argument("--precision", choices=("no", "bf16"), default="no")
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with Progress(console=Console(stderr=True)) as progress:
        for seed in options.seeds:
            rows += _of_seed(seed, options, progress)
    told = [{name: value for name, value in row.items() if name != "hits"} for row in rows]
    beside = rows_beside("poa_cifar10", _KEY, told)
    _report(rows, write_rows("poa_cifar10", [*beside, *told]))


def _of_seed(seed: int, options: argparse.Namespace, progress: Progress) -> list[dict[str, Any]]:
    """Rows of all runs with this seed."""
    options = argparse.Namespace(**{**vars(options), "seed": seed})
    folder = Path("runs/poa-cifar10") / f"{options.minutes:g}-{options.precision}-{seed}"
    if options.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    kept = KeptFacts(folder)
    data = load_data(DATA, seed=seed)
    untrained = kept.once(UNTRAINED, lambda: _untrained(data, options))
    rows = [_row(UNTRAINED, size, options, untrained) for size in untrained["sizes"]]
    plan = kept.once("plan", lambda: _plan(options))
    for name in options.runs:
        rows += _run(name, plan, kept, data, options, progress)
    timed = kept.once("timed", lambda: {"epoch_seconds": _epoch_seconds(options)})
    for row in rows:
        seconds = row["epochs"] * timed["epoch_seconds"].get(row["run"], 0.0)
        row["minutes_paired"] = round(seconds / 60, 2)
    cost = _cost(kept, options, progress)
    return [{**row, **(cost if row["run"] == "poa" else {})} for row in rows]


def _untrained(data: DataSplits, options: argparse.Namespace) -> dict[str, Any]:
    torch.manual_seed(options.seed)
    space: Any = create_space("elastic-vit", **SPACE)
    supernet = space.supernet(replace(TASK, num_classes=0), scaled=SETTINGS.scaled).eval()
    return judge_untrained(supernet, data, options.bank)


def _run(
    name: str,
    plan: Mapping[str, Any],
    kept: KeptFacts,
    data: DataSplits,
    options: argparse.Namespace,
    progress: Progress,
) -> list[dict[str, Any]]:
    """Trains one run to its end; a row for each of its sizes."""
    task = progress.add_task(name, total=None)
    job = _job(name, plan["epochs"][name], options)
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
    trained = {"epochs": plan["epochs"][name], "minutes": round(facts["seconds"] / 60, 2)}
    return [_row(name, size, options, plan, **trained) for size in judged["sizes"]]


def _row(
    run: str,
    size: Mapping[str, Any],
    options: argparse.Namespace,
    by: Mapping[str, Any],
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
        "minutes_planned": options.minutes,
        "bank": options.bank,
        "precision": options.precision,
        "seed": options.seed,
        "commit": by["commit"],
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


def _plan(options: argparse.Namespace) -> dict[str, Any]:
    """How many epochs of every run take the given minutes."""
    usual = _epoch_seconds(options)
    epochs = {name: max(2, round(60 * options.minutes / time)) for name, time in usual.items()}
    return {"epochs": epochs, "epoch_seconds": usual}


def _epoch_seconds(options: argparse.Namespace) -> dict[str, float]:
    """Name of a run to the usual time of an epoch.

    Some epochs of all runs are timed in turn, so that a slow moment of the machine hits all alike,
    and thrown away; the first of each is not counted.
    """
    sessions = {name: PoaSession(_job(name, 1 + _TIMED_EPOCHS, options)) for name in RUNS}
    seconds: dict[str, list[float]] = {name: [] for name in RUNS}
    for _ in range(1 + _TIMED_EPOCHS):
        for name, session in sessions.items():
            began = time.monotonic()
            session.run_unit()
            seconds[name].append(time.monotonic() - began)
    return {name: median(times[1:]) for name, times in seconds.items()}


def _cost(kept: KeptFacts, options: argparse.Namespace, progress: Progress) -> dict[str, float]:
    """Time of a step of the whole method, as a share of that of all sizes trained apart."""
    space: Any = create_space("elastic-vit", **SPACE)
    settings = replace(SETTINGS, precision=options.precision)
    parts = {"together": (SPACE, settings)} | {
        f"{arch['width']}-{arch['depth']}": (_alone(arch), replace(settings, elastic_students=0))
        for arch in space.enumerate()
    }
    seconds = {
        name: kept.once(f"cost-{name}", lambda: _half_epoch(*part, options.seed))["seconds"]  # noqa: B023
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


def _half_epoch(space: dict[str, int], settings: PoaSettings, seed: int) -> dict[str, float]:
    images = (settings.epoch_images or 0) // 2
    session = PoaSession(_job_of(space, replace(settings, epochs=2, epoch_images=images), seed))
    session.run_unit()
    began = time.monotonic()
    session.run_unit()
    return {"seconds": time.monotonic() - began}


def _report(rows: list[dict[str, Any]], path: Path) -> None:
    console = Console(highlight=False)
    sizes: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        sizes.setdefault((row["run"], row["arch"]), []).append(row)
    for (run, arch), of_seeds in sizes.items():
        accuracy = mean(row["knn_accuracy"] for row in of_seeds)
        console.print(f"{run}: {arch} {accuracy:.2%}", markup=False)
    smallest = {run: of_seeds for (run, _), of_seeds in reversed(sizes.items())}
    others = sorted(smallest.keys() - {"poa", UNTRAINED}) if "poa" in smallest else []
    for name in others:
        gain = _gain(smallest["poa"], smallest[name])
        bar = f": {_met(gain.is_certain)}" if name == "alone" else ""
        console.print(
            f"smallest of poa against {name} {gain.points:+.2f} points "
            f"({gain.low:+.2f} to {gain.high:+.2f}){bar}",
            markup=False,
        )
    curve = [
        mean(row["knn_accuracy"] for row in of_seeds)
        for (run, _), of_seeds in sizes.items()
        if run == "poa"
    ]
    if curve:
        console.print(
            f"falls along the curve of {len(curve)} sizes at most {100 * _fall(curve):.2f} points: "
            f"{_met(_fall(curve) <= TOLERANCE)}"
        )
        console.print(_time_bar(rows))
    console.print(f"rows in {path}")


def _gain(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> Gain:
    """Over the seeds that both have."""
    mine, theirs = ({row["seed"]: row["hits"] for row in rows} for rows in (one, other))
    seeds = sorted(mine.keys() & theirs.keys())
    return paired_gain([mine[seed] for seed in seeds], [theirs[seed] for seed in seeds])


def _time_bar(rows: Sequence[Mapping[str, Any]]) -> str:
    """How long the runs are beside ``poa`` of their seed, and whether ``alone`` had as long."""
    whole = {row["seed"]: row["minutes_paired"] for row in rows if row["run"] == "poa"}
    shares: dict[str, float] = {}
    for row in rows:
        if row["run"] not in ("poa", UNTRAINED) and row["seed"] in whole:
            share = row["minutes_paired"] / whole[row["seed"]] - 1
            shares[row["run"]] = min(share, shares.get(row["run"], share))
    told = ", ".join(f"{name} {share:+.1%}" for name, share in shares.items())
    bar = f": {_met(shares['alone'] >= -MOST_TIME)}" if "alone" in shares else ""
    return f"times beside poa's, the shortest of all seeds: {told}{bar}"


def _fall(curve: list[float]) -> float:
    """The largest loss of accuracy from a size to a larger one."""
    return max(max(curve[: n + 1]) - accuracy for n, accuracy in enumerate(curve))


def _met(is_met: bool) -> str:
    return "bar met" if is_met else "bar NOT MET"


if __name__ == "__main__":
    main()
