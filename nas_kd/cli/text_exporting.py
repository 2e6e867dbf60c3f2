"""The work behind ``nas-kd export`` for a student of text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.cli.student_folders import belongs

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
        written = [file.name for file in files.values()]
        refresh_manifest(directory, written, parity=parity, **measured)
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
