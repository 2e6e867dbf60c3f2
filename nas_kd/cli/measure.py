"""``nas-kd measure``: MACs, parameters and latency of models, with the evidence."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from nas_kd.cli import options
from nas_kd.cli.console import print_answer, stdout_kept_clean
from nas_kd.errors import ExitCode


def measure(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL",
            help="An .onnx file, a student directory, a run directory (its best student), "
            "timm:NAME?num_classes=10&image_size=32 or hf:NAME_OR_FOLDER?seq_len=128.",
        ),
    ],
    device: Annotated[
        list[str] | None,
        typer.Option(metavar="DEVICE", help="cpu (default), cuda or tensorrt; may be repeated."),
    ] = None,
    threads: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N|all",
            help="Threads of the model, 1 by default; all is one per physical core; may be "
            "repeated.",
        ),
    ] = None,
    batch: Annotated[
        list[int] | None,
        typer.Option(min=1, metavar="N", help="Images measured together; may be repeated."),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Time two models in turns: which one is faster?")
    ] = False,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LIMIT",
            help="latency=5ms, macs=40M or params=2M; exit code 3 where one is not met; may be "
            "repeated.",
        ),
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Measure again what was measured in the last seven days."),
    ] = False,
    json: options.Json = False,
) -> None:
    """Count the MACs of models and measure their latency.

    ONNX Runtime runs them in fresh processes; the record holds the whole evidence.
    """
    from nas_kd.cli import measuring
    from nas_kd.cli.measured_tables import result_lines

    with stdout_kept_clean():
        request = measuring.read_request(
            models, device, threads, batch, compare=compare, budget=budget, fresh=fresh
        )
        with TemporaryDirectory(prefix="nas-kd-") as workspace:
            document = measuring.answer(request, Path(workspace))
    print_answer(document, result_lines, as_json=json)
    if not _within_budget(document):
        raise typer.Exit(ExitCode.NO_FEASIBLE_STUDENT)


def _within_budget(document: dict[str, Any]) -> bool:
    rows = document.get("rows", [document])
    return all(row["budget"]["met"] for row in rows if "budget" in row)
