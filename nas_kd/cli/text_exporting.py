"""The work behind ``nas-kd export`` for a student of text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nas_kd.costs import DeviceProfile

SCHEMA = "nas-kd.export-text/1"


def export_text(
    directory: Path, onnx: Path, *, lowered_on: DeviceProfile | None, seed: int
) -> dict[str, Any]:
    """Writes the student's file anew, on request one of 8-bit integers beside it, and returns the
    JSON document. The manifest follows where the files are the student's.

    Args:
        directory: The student's.
        onnx: The float32 file.
        lowered_on: Where the int8 file and the other are measured; None where it is not wanted.
        seed: Of the tokens that are compared.

    Raises:
        UsageError: The student cannot be read.
        ExportError: ONNX Runtime does not compute what the student computes.
    """
    from nas_kd.cli.targets import belongs
    from nas_kd.costs import require_provider
    from nas_kd.export import precision_file, refresh_manifest
    from nas_kd.export.text_delivery import export_text_student, readable_lengths
    from nas_kd.export.text_student import load_text_student
    from studies.token_timing import time_texts

    if lowered_on is not None:
        require_provider(lowered_on)
    student = load_text_student(directory)
    lengths = readable_lengths(student.model)
    onnx.parent.mkdir(parents=True, exist_ok=True)
    parity = export_text_student(
        student.model,
        student.tokenizer,
        onnx,
        lengths=lengths,
        int8=lowered_on is not None,
        seed=seed,
    )
    files = {precision: precision_file(onnx, precision) for precision in parity}
    latency = {} if lowered_on is None else time_texts(files, lowered_on, lengths)
    if belongs(onnx, directory):
        measured = {"latency": latency} if latency else {}
        refresh_manifest(directory, parity=parity, **measured)
    return {
        "schema": SCHEMA,
        "student": str(directory),
        "onnx": str(onnx),
        "files": {precision: str(file) for precision, file in files.items()},
        "bytes": {precision: file.stat().st_size for precision, file in files.items()},
        "parity": {precision: record.to_dict() for precision, record in parity.items()},
        "latency_ms": {
            precision: {str(length): record.to_document() for length, record in records.items()}
            for precision, records in latency.items()
        },
    }


def summary(document: Mapping[str, Any]) -> list[Any]:
    """A line for each file, and their latencies beside each other."""
    from rich import box
    from rich.table import Table

    from nas_kd.report import numbers

    lines: list[Any] = [
        f"{document['files'][precision]}: differs from PyTorch by at most {record['max_rel']:.1e} "
        f"of the largest output (allowed {record['tolerance']:.0e}) at {record['lengths']} tokens."
        for precision, record in document["parity"].items()
    ]
    if not document["latency_ms"]:
        return lines
    lengths = list(next(iter(document["latency_ms"].values())))
    table = Table(box=box.SIMPLE_HEAD)
    columns = ["", *(f"latency, {length} tokens" for length in lengths), "size"]
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=True)
    for precision, records in document["latency_ms"].items():
        table.add_row(
            precision,
            *(numbers.milliseconds(records[length]["median"]) for length in lengths),
            numbers.megabytes(document["bytes"][precision]),
        )
    return [*lines, table]
