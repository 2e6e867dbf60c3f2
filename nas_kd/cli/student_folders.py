"""The directories of students, told from those of runs and of anything else."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

from nas_kd.errors import UsageError
from nas_kd.export.file_names import CONFIG, PROVENANCE


def best_student(path: Path) -> Path:
    """The student directory at ``path``: itself, or the best student of a run.

    Raises:
        UsageError: There is none.
    """
    if (path / CONFIG).is_file():
        return path
    if holds_text(best := path / "students" / "1"):
        return best
    from studies.run_directory import RunDirectory

    run = RunDirectory(path)
    if students := run.students:
        return students[0]
    if run.recipe_json.is_file() or run.kind_without_trials():
        raise UsageError(
            f"student: the run {path} has not delivered a student yet. "
            "Finish it with the nas-kd command that began it."
        )
    _refuse_pretraining(path)
    raise UsageError(f"student: {path} holds neither a student ({CONFIG}) nor a run.")


def _refuse_pretraining(path: Path) -> None:
    """Raises `UsageError`, which says how to come by a student, where a supernet is trained."""
    from nas_kd.training.pretraining import PretrainingFolder

    folder = PretrainingFolder.open(path)
    if folder is None:
        return
    facts = folder.facts()
    if facts is None:
        raise UsageError(
            f"student: {path} holds a supernet whose training is not finished. Finish it with the "
            "nas-kd pretrain command that began it."
        )
    if arch := facts.get("arch"):
        shown = shlex.quote(json.dumps(arch))
        raise UsageError(
            f"student: {path} holds a supernet, which has found a cell. Train a student of it: "
            f"nas-kd distill {shown}, with its --space, --data and --teacher."
        )
    raise UsageError(
        f"student: {path} holds a supernet. Take a student out of it: nas-kd search --supernet "
        f"{shlex.quote(str(path))} --budget macs=50%"
    )


def holds_text(directory: Path) -> bool:
    """Whether a student directory holds one of text; no name is too long to be asked for."""
    return os.path.isfile(directory / PROVENANCE)


def belongs(file: Path, directory: Path) -> bool:
    """Whether the file lies in the student directory, whose manifest then tells of it."""
    return file.resolve().parent == directory.resolve()
