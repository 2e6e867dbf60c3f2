"""``nas-kd measure``: MACs, parameters and latency of one model, with the evidence."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas_kd.cli import options
from nas_kd.cli.console import note, print_json, print_results, stdout_kept_clean

if TYPE_CHECKING:
    from nas_kd.cli.targets import Target
    from nas_kd.costs import DeviceProfile

SCHEMA = "nas-kd.measure/1"


def measure(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="An .onnx file, a student directory, a run directory (its best student) or "
            "timm:NAME?num_classes=10&image_size=32.",
        ),
    ],
    device: Annotated[str, typer.Option(metavar="DEVICE", help="cpu, cuda or tensorrt.")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, metavar="N", help="Threads of the model.")] = 1,
    batch: Annotated[int, typer.Option(min=1, metavar="N", help="Images measured together.")] = 1,
    json: options.Json = False,
) -> None:
    """Count a model's MACs and measure its latency.

    ONNX Runtime runs it in a fresh process; the record holds the whole evidence.
    """
    with stdout_kept_clean():
        profile = _profile(device, threads, batch)
        from nas_kd.cli.targets import find_target

        with TemporaryDirectory(prefix="nas-kd-") as workspace:
            target = find_target(model, Path(workspace))
            note(f"Measuring {target.name} on {profile.provider} ...")
            document = _measure(target, profile)
    if json:
        print_json(document)
    else:
        _print(document)


def _profile(device: str, threads: int, batch: int) -> DeviceProfile:
    from nas_kd.costs import DeviceProfile, require_provider

    profile = DeviceProfile(device=device, threads=threads, batch=batch)
    require_provider(profile)
    return profile


def _measure(target: Target, profile: DeviceProfile) -> dict[str, Any]:
    from nas_kd.cli.records import latency_document
    from nas_kd.costs import measure_latency

    record = measure_latency(target.onnx, profile)
    return {
        "schema": SCHEMA,
        "model": target.name,
        "macs": target.counts.macs,
        "params": target.counts.params,
        "unsupported_operators": dict(target.counts.unsupported),
        "latency_ms": latency_document(record),
    }


def _print(document: dict[str, Any]) -> None:
    from nas_kd.cli.records import latency_sentence
    from nas_kd.report import numbers

    lines = [
        f"model       {document['model']}",
        f"MACs        {numbers.count(document['macs'])} ({document['macs']:,})",
        f"parameters  {numbers.count(document['params'])} ({document['params']:,})",
        f"latency     {latency_sentence(document['latency_ms'])}",
    ]
    if document["unsupported_operators"]:
        operators = document["unsupported_operators"].items()
        lines.append(f"not counted {', '.join(f'{n} x {name}' for name, n in operators)}")
    print_results(*lines)
