"""What was learned, delivered: files, latency beside the teacher, and what is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.costs import CountRecord, DeviceProfile, LatencyRecord, count_macs
from nas_kd.costs.tokens import example_tokens
from nas_kd.errors import NasKdError
from nas_kd.export import read_manifest, refresh_manifest
from nas_kd.export.file_names import ONNX
from nas_kd.export.precision import precision_file
from nas_kd.export.text_delivery import deliver_text_student, readable_lengths
from nas_kd.export.text_student import TextStudent
from nas_kd.export.token_models import export_tokens
from studies.observer import Observer
from studies.run_directory import RunDirectory
from studies.text_lessons.learned import Learned
from studies.token_timing import time_texts

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_TEACHER = "teacher"


@dataclass(frozen=True)
class TextDelivery:
    """How a student is delivered.

    Attributes:
        profile: Where its latency is measured.
        int8: Whether a file of 8-bit integers is wanted, too.
        max_seconds: Of measuring, for each file.
    """

    profile: DeviceProfile
    int8: bool = False
    max_seconds: float = 5.0


def deliver_learned(
    found: TextStudent,
    learned: Learned,
    student: Path,
    delivery: TextDelivery,
    run: RunDirectory,
    observer: Observer,
) -> dict[str, Any]:
    """Writes ``students/1`` and measures it beside its teacher; the result as JSON values.

    Args:
        found: The student as it came, with where it is from.
        learned: The student as it is now.
        student: Where it came from.
        delivery: What is delivered.
        run: Where to.
        observer: Told where the teacher cannot be measured.

    Raises:
        ExportError: ONNX Runtime does not compute what the student computes.
    """
    directory = run.student(1)
    lengths = readable_lengths(learned.model)
    provenance = {
        **{name: value for name, value in found.provenance.items() if name != "schema"},
        "started_from": str(student),
        "task": learned.task,
        "task_teacher": learned.teacher_facts,
    }
    deliver_text_student(
        directory,
        learned.model,
        found.tokenizer,
        provenance,
        accuracy={learned.metric: learned.score},
        lengths=lengths,
        int8=delivery.int8,
    )
    manifest = read_manifest(directory) or {}
    files = {
        precision: precision_file(directory / ONNX, precision) for precision in manifest["parity"]
    }
    beside = None if learned.teacher is None else _export(learned.teacher, lengths, run, observer)
    if beside is not None:
        files[_TEACHER] = beside
    latency = time_texts(files, delivery.profile, lengths, max_seconds=delivery.max_seconds)
    of_teacher = latency.pop(_TEACHER, {})
    refresh_manifest(directory, latency=latency)
    teacher = dict(learned.teacher_facts)
    if learned.teacher is not None:
        counts = {str(n): _counts(learned.teacher, n).to_dict() for n in lengths}
        teacher |= {**_sizes(counts), "latency_ms": {"fp32": _medians(of_teacher)}}
    return {
        "run_dir": str(run.path),
        "task": learned.task,
        "metric": learned.metric,
        "score_split": "validation",
        "teacher": teacher,
        "student": {
            "started_from": str(student),
            "space": found.provenance.get("space"),
            "arch": found.provenance.get("arch"),
            "description": found.provenance.get("description", student.name),
            "score": learned.score,
            **_sizes(manifest["costs"]),
            "onnx": str(directory / ONNX),
            "directory": str(directory),
            "parity_max_abs": {name: r["max_abs"] for name, r in manifest["parity"].items()},
            "latency_ms": {precision: _medians(each) for precision, each in latency.items()},
        },
        "device": str(delivery.profile),
    }


def _export(
    teacher: PreTrainedModel, lengths: Sequence[int], run: RunDirectory, observer: Observer
) -> Path | None:
    """The teacher's file, which is measured beside the student's; None where it has none."""
    try:
        return export_tokens(teacher, lengths[0], run.work("teacher.onnx"), any_length=True)
    except NasKdError as error:
        observer.note(f"The teacher is not measured: {error}")
        return None


def _medians(records: Mapping[int, LatencyRecord]) -> dict[str, float]:
    return {str(length): record.median_ms for length, record in records.items()}


def _counts(model: PreTrainedModel, length: int) -> CountRecord:
    return count_macs(model, example_tokens(model, 1, length))


def _sizes(costs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Parameters, and MACs for each length."""
    first = next(iter(costs.values()))
    return {"params": first["params"], "macs": {n: record["macs"] for n, record in costs.items()}}
