"""int8 and fp16 of the trained CIFAR-10 ResNet-20: what they cost in accuracy and save in time.

    python -m benchmarks.int8_resnet20 [--calibration 256] [--seed 0] [--fresh]

The published ResNet-20 is exported and written in int8 (static, calibrated on real training images)
and in fp16. Beside the default, int8 is written with one setting changed at a time: the calibration
method, one scale for a whole weight, signed activations, and the full 8 bits where the default has
7. Every file is judged by ONNX Runtime on the shared 8,000 test images, and all are measured in one
process with their blocks interleaved, for one thread and for two.

Bar: int8 loses 0.5 point or less.

Every finished file and measurement is kept under ``runs/int8-resnet20``; the same command continues
there, and ``--fresh`` begins again.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.progress import Progress

from benchmarks.cifar10 import cifar10_data, trained_resnet
from benchmarks.kept_facts import KeptFacts
from benchmarks.record import write_rows
from nas_kd.costs import DeviceProfile, measure_many
from nas_kd.data import DataSplits
from nas_kd.export import (
    Int8Settings,
    calibration_batches,
    convert_to_half,
    evaluate_onnx,
    export_onnx,
    quantise_onnx,
)

_DIRECTORY = Path("runs/int8-resnet20")
_MOST_POINTS_LOST = 0.5
_THREADS = (1, 2)

Facts = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calibration", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    folder = _DIRECTORY / f"{options.calibration}-{options.seed}"
    if options.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    kept = KeptFacts(folder)
    default = Int8Settings.for_device("cpu")
    settings = {"int8": default, **_changes(default)}
    names = ["fp32", *settings, "fp16"]
    judged: dict[str, Facts] = {}
    timed: dict[int, Facts] = {}
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=len(names) + len(_THREADS))
        data = cifar10_data(options.seed)
        for name in names:
            progress.update(task, description=f"accuracy of {name}")
            judged[name] = kept.once(name, lambda: _judge(name, settings, data, folder, options))  # noqa: B023
            progress.advance(task)
        for threads in _THREADS:
            progress.update(task, description=f"latency with {threads} thread(s)")
            name = f"latency-{threads}t"
            timed[threads] = kept.once(name, lambda: _measure(folder, names, threads))  # noqa: B023
            progress.advance(task)
    rows = _rows(judged, timed, options)
    path = write_rows("int8_resnet20", rows)
    _report(rows, path)


def _changes(default: Int8Settings) -> dict[str, Int8Settings]:
    """The default with one setting changed, by what is changed."""
    other_range = "8-bit weights" if default.reduce_range else "7-bit weights"
    other_type: Literal["int8", "uint8"] = "int8" if default.activations == "uint8" else "uint8"
    return {
        "int8, percentile": replace(default, calibration="percentile"),
        "int8, entropy": replace(default, calibration="entropy"),
        "int8, one scale a weight": replace(default, per_channel=False),
        f"int8, {other_type} activations": replace(default, activations=other_type),
        f"int8, {other_range}": replace(default, reduce_range=not default.reduce_range),
    }


def _judge(
    name: str,
    settings: dict[str, Int8Settings],
    data: DataSplits,
    folder: Path,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Writes the file of that name and runs it over the test images."""
    source, path = folder / "fp32.onnx", folder / f"{name}.onnx"
    if name == "fp32":
        export_onnx(trained_resnet(20), data.input_shape, path)
    elif name == "fp16":
        convert_to_half(source, path)
    else:
        batches = calibration_batches(data, options.calibration, seed=options.seed)
        quantise_onnx(source, path, batches, settings[name])
    assert data.test is not None
    return {"accuracy": evaluate_onnx(path, data.test), "bytes": path.stat().st_size}


def _measure(folder: Path, names: list[str], threads: int) -> dict[str, Any]:
    files = [folder / f"{name}.onnx" for name in names]
    records = measure_many(files, DeviceProfile("cpu", threads=threads), max_seconds=10.0)
    return {
        name: {
            "latency_ms": record.median_ms,
            "ci95_low_ms": record.ci95_ms[0],
            "ci95_high_ms": record.ci95_ms[1],
            "latency_of_fp32": record.median_ms / records[0].median_ms,
            "drift_flagged": record.drift_flagged,
        }
        for name, record in zip(names, records, strict=True)
    }


def _rows(
    judged: dict[str, Facts], timed: dict[int, Facts], options: argparse.Namespace
) -> list[dict[str, Any]]:
    """One row per file and number of threads."""
    whole = judged["fp32"]["accuracy"]
    return [
        {
            "file": name,
            "threads": threads,
            "accuracy": found["accuracy"],
            "points_lost": round(100 * (whole - found["accuracy"]), 4),
            **timed[threads][name],
            "bytes": found["bytes"],
            "calibration_images": options.calibration if name.startswith("int8") else None,
            "seed": options.seed,
        }
        for name, found in judged.items()
        for threads in _THREADS
    ]


def _report(rows: list[dict[str, Any]], path: Path) -> None:
    console = Console()
    for row in rows:
        console.print(
            f"{row['file']}: {row['accuracy']:.2%} ({0.0 - row['points_lost']:+.2f} points), "
            f"{row['latency_of_fp32']:.2f} of fp32's time at {row['threads']} thread(s)",
            highlight=False,
        )
    lost = next(row["points_lost"] for row in rows if row["file"] == "int8")
    met = "met" if lost <= _MOST_POINTS_LOST else "NOT MET"
    console.print(f"bar of {_MOST_POINTS_LOST} point for int8: {met}; rows in {path}")


if __name__ == "__main__":
    main()
