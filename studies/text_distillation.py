"""A delivered student of text learns a task, and is delivered anew."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from nas_kd.data.text import load_corpus, load_labelled_texts
from nas_kd.export.file_names import WEIGHTS
from nas_kd.export.text_student import load_text_student
from nas_kd.file_digest import sha256
from nas_kd.whole_files import write_whole
from studies.claims import claim
from studies.finished_run import finished_document
from studies.observer import Observer
from studies.run_directory import LESSON, RunDirectory
from studies.text_lessons import Lesson, Place, TextDelivery, deliver_learned

SCHEMA = "nas-kd.distill-text/1"
METRICS = "metrics.csv"


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
    continues a training that was interrupted; of one that is finished it returns the document.

    Args:
        student: Directory of the student.
        lesson: What it learns.
        frozen: What decides the result, as JSON values; the directory holds nothing else. Of
            these, ``task`` and ``text`` name what is read.
        delivery: What is delivered, and where it is measured.
        run: The directory.
        observer: Told of the progress.

    Returns:
        The result as a JSON document.

    Raises:
        UsageError: Something does not fit together, the directory holds another run, or the texts
            have changed since an interrupted one began.
        ExportError: ONNX Runtime does not compute what the student computes.
    """
    found = load_text_student(student)
    job = {**frozen, "weights": sha256(student / WEIGHTS)}
    claim(run, LESSON, job, ["work/*/training.pt"])
    run.log.touch()
    run.tell.say = observer.note
    with run.lock():
        finished = finished_document(run, SCHEMA, lambda known: _is_delivered(known, delivery))
        if finished is not None:
            return finished
        identity = {"job": json.dumps(job, sort_keys=True), "texts": _digest_of_texts(frozen)}
        place = Place(run.path / "work", identity, observer)
        learned = lesson.teach(found, place)
        write_whole(run.path / METRICS, pd.DataFrame(learned.history).to_csv(index=False))
        observer.phase("export", None)
        document = {
            "schema": SCHEMA,
            "seed": frozen["seed"],
            **deliver_learned(found, learned, student, delivery, run, observer),
        }
        run.write_result(document)
    return document


def _is_delivered(document: Mapping[str, Any], delivery: TextDelivery) -> bool:
    """Whether the student was measured on that device and has the files that are wanted."""
    precisions = document["student"]["parity_max_abs"]
    on_device = document["device"] == str(delivery.profile)
    return on_device and (not delivery.int8 or "int8" in precisions)


def _digest_of_texts(frozen: Mapping[str, Any]) -> str:
    """Of all that the student learns from and is judged on."""
    read: list[Any] = []
    if (task := frozen.get("task")) is not None:
        texts = load_labelled_texts(task, seed=frozen["seed"])
        read = [
            [one.texts, one.seconds, one.targets.tolist()]
            for one in (texts.train, texts.validation)
        ]
        read.append(texts.classes)
    if (further := frozen.get("text")) is not None:
        read.append(load_corpus(further).texts)
    return hashlib.sha256(json.dumps(read).encode()).hexdigest()
