"""What ``nas-kd export`` shows of a student of images, and of its files in other precisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table

from nas_kd.report import numbers


def image_export_tables(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    """How far ONNX Runtime differs from PyTorch; with other precisions, before and after."""
    parity = document["parity"]
    yield (
        f"{document['onnx']}: differs from PyTorch by at most {parity['max_abs']:.2e} "
        f"(allowed {parity['tolerance']:.0e}) at batches {parity['batches']}."
    )
    if "precisions" in document:
        yield _precisions(document["precisions"])


def _precisions(records: Mapping[str, Mapping[str, Any]]) -> Table:
    """A line per file, first that of float32."""
    first = next(iter(records.values()))
    table = Table(box=box.SIMPLE_HEAD)
    columns = ("change", "same class", "latency", "of fp32", "size")
    for column in ("", f"{first['split']} accuracy", *columns):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    before = first["latency_before"]["median_ms"]
    accuracy = numbers.percent(first["accuracy_before"])
    table.add_row(
        "fp32",
        accuracy,
        "",
        "",
        numbers.milliseconds(before),
        "",
        numbers.megabytes(first["bytes_before"]),
    )
    for name, record in records.items():
        table.add_row(
            name,
            numbers.percent(record["accuracy_after"]),
            numbers.points(record["accuracy_after"] - record["accuracy_before"]),
            numbers.percent(record["top1_agreement"]),
            numbers.milliseconds(record["latency_after"]["median_ms"]),
            numbers.ratio(record["latency_after"]["median_ms"], before),
            numbers.megabytes(record["bytes_after"]),
        )
    return table
