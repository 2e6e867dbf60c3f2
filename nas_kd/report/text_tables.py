"""What ``nas-kd distill --task`` and ``nas-kd export`` show of a student of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table

from nas_kd.report import numbers


def lesson_tables(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Of a student that learned a task: it and its teacher, and where everything is."""
    student = document["student"]
    yield _taught(document)
    yield (
        f"ONNX file: {student['onnx']} (differs from PyTorch by at most "
        f"{student['parity_max_abs']['fp32']:.1e})"
    )
    yield f"Opens with transformers: {Path(student['directory'])}"
    yield f"Units of the training: {Path(document['run_dir']) / 'metrics.png'}"


def text_export_tables(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Of an export: a line for each file, and their latencies beside each other."""
    for precision, record in document["parity"].items():
        yield (
            f"{document['files'][precision]}: differs from PyTorch by at most "
            f"{record['max_rel']:.1e} of the largest output (allowed {record['tolerance']:.0e}) "
            f"at {record['lengths']} tokens."
        )
    if document["latency_ms"]:
        yield _latencies(document)


def _taught(document: Mapping[str, Any]) -> Table:
    student, metric = document["student"], document["metric"]
    lengths = list(student["macs"])
    shown = numbers.percent if metric == "accuracy" else numbers.score
    table = Table(box=box.SIMPLE_HEAD)
    columns = ["", f"validation {metric}", "params"]
    columns += [f"MACs, {length} tokens" for length in lengths]
    columns += [f"latency, {length} tokens" for length in lengths]
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left")
    for role, facts in (("teacher", document["teacher"]), ("student", student)):
        if not facts:
            continue
        latency = facts.get("latency_ms", {}).get("fp32", {})
        table.add_row(
            role,
            shown(facts["score"]),
            numbers.count(facts["params"]),
            *(numbers.count(facts["macs"][length]) for length in lengths),
            *(numbers.milliseconds(latency.get(length)) for length in lengths),
        )
    return table


def _latencies(document: Mapping[str, Any]) -> Table:
    measured = document["latency_ms"]
    lengths = list(next(iter(measured.values())))
    table = Table(box=box.SIMPLE_HEAD)
    columns = ["", *(f"latency, {length} tokens" for length in lengths), "size"]
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=True)
    for precision, records in measured.items():
        table.add_row(
            precision,
            *(numbers.milliseconds(records[length]["median"]) for length in lengths),
            numbers.megabytes(document["bytes"][precision]),
        )
    return table
