"""A delivered student of text learns a task, and is delivered anew."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nas_kd.costs import CountRecord, DeviceProfile, count_macs
from nas_kd.costs.tokens import example_tokens
from nas_kd.errors import UsageError
from nas_kd.export import read_manifest
from nas_kd.export.text_delivery import ONNX, deliver_text_student, readable_lengths
from nas_kd.export.text_student import TextStudent, load_text_student
from nas_kd.whole_files import write_whole
from studies.machine_lock import machine_alone
from studies.observer import Observer
from studies.run_directory import RunDirectory
from studies.text_lessons import Learned, Lesson, Place

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SCHEMA = "nas-kd.distill-text/1"
METRICS = "metrics.csv"
_STATE = "lesson"


@dataclass(frozen=True)
class TextDelivery:
    """How a student is delivered.

    Attributes:
        profile: Where its latency is measured.
        int8: Whether a file of 8-bit integers is wanted, too.
        max_seconds: Of measuring, for each length and file.
    """

    profile: DeviceProfile
    int8: bool = False
    max_seconds: float = 5.0


def distil_text_student(
    student: Path,
    lesson: Lesson,
    frozen: Mapping[str, Any],
    delivery: TextDelivery,
    run: RunDirectory,
    observer: Observer,
) -> dict[str, Any]:
    """Teaches a delivered student and writes it into the run directory.

    There go ``students/1`` (transformers' files, checked ONNX, manifest), ``metrics.csv`` with a
    row for every unit of its training, and ``result.json``. The same call in the same directory
    continues a training that was interrupted.

    Args:
        student: Directory of the student.
        lesson: What it learns.
        frozen: What decides the result, as JSON values; the directory holds nothing else.
        delivery: What is delivered, and where it is measured.
        run: The directory.
        observer: Told of the progress.

    Returns:
        The result as a JSON document.

    Raises:
        UsageError: Something does not fit together, or the directory holds another run.
        ExportError: ONNX Runtime does not compute what the student computes.
    """
    found = load_text_student(student)
    job = {**frozen, "weights": _digest(student)}
    _claim(run, job)
    with run.lock():
        place = Place(run.path / "work", {"job": json.dumps(job, sort_keys=True)}, observer)
        learned = lesson.teach(found, place)
        write_whole(run.path / METRICS, pd.DataFrame(learned.history).to_csv(index=False))
        observer.phase("export", None)
        document = _deliver(found, learned, student, delivery, run)
        document["seed"] = frozen["seed"]
        run.write_result(document)
    return document


def _claim(run: RunDirectory, job: Mapping[str, Any]) -> None:
    """Ties the directory to the lesson, since its checkpoints fit no other. One that ended before
    its first checkpoint, as by a wrong column, takes the new lesson."""
    kept = run.read_state(_STATE) or {}
    changed = [name for name in job if kept.get(name) != job[name]]
    if kept and changed and any(run.path.glob("work/*/training.pt")):
        raise UsageError(
            f"distill: {run.path} holds another training ({', '.join(changed)} changed). Name "
            "another --run-dir."
        )
    if other := [n for n in ("recipe.json", "pretrain.json") if (run.path / n).exists()]:
        raise UsageError(
            f"distill: {run.path} holds a run of another kind ({other[0]}). Name another --run-dir."
        )
    run.path.mkdir(parents=True, exist_ok=True)
    run.write_state(_STATE, job)
    run.log.touch()


def _digest(student: Path) -> str:
    """Of the weights that the training starts from."""
    with (student / "model.safetensors").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _deliver(
    found: TextStudent, learned: Learned, student: Path, delivery: TextDelivery, run: RunDirectory
) -> dict[str, Any]:
    directory = run.student(1)
    lengths = readable_lengths(learned.model)
    provenance = {
        **{name: value for name, value in found.provenance.items() if name != "schema"},
        "started_from": str(student),
        "task": learned.task,
        "task_teacher": learned.teacher_facts,
    }
    with machine_alone():
        deliver_text_student(
            directory,
            learned.model,
            found.tokenizer,
            provenance,
            accuracy={learned.metric: learned.score},
            lengths=lengths,
            profile=delivery.profile,
            int8=delivery.int8,
            max_seconds=delivery.max_seconds,
        )
    manifest = read_manifest(directory) or {}
    teacher = learned.teacher_facts
    if learned.teacher is not None:
        counts = {str(n): _counts(learned.teacher, n) for n in lengths}
        teacher = {**teacher, **_sizes({n: record.to_dict() for n, record in counts.items()})}
    return {
        "schema": SCHEMA,
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
            "latency_ms": {
                precision: {length: record["median_ms"] for length, record in records.items()}
                for precision, records in manifest["latency"].items()
            },
        },
        "device": str(delivery.profile),
    }


def _counts(model: PreTrainedModel, length: int) -> CountRecord:
    return count_macs(model, example_tokens(model, 1, length))


def _sizes(costs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Parameters, and MACs for each length."""
    records = {length: dict(record) for length, record in costs.items()}
    first = next(iter(records.values()))
    return {"params": first["params"], "macs": {n: r["macs"] for n, r in records.items()}}
