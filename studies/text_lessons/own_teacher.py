"""The teacher that a student of text was cut from, as it was then."""

from __future__ import annotations

from pathlib import Path

from nas_kd.errors import UsageError
from nas_kd.export.text_student import read_provenance
from studies.teacher_file import weights_file_digest


def own_teacher(student: Path) -> dict[str, str | None]:
    """The teacher that the student in this directory was cut from.

    Returns:
        ``teacher``, see `nas_kd.teachers.language.load_language_teacher`; ``checkpoint``, the file
        of the weights that replace its own, and ``checkpoint_sha256``, of what that holds: None
        where none do.

    Raises:
        UsageError: The student does not say, or the file of its teacher's weights is gone or holds
            others.
    """
    known = read_provenance(student)
    teacher, checkpoint = known.get("teacher"), known.get("checkpoint")
    if not isinstance(teacher, str):
        raise UsageError(
            f"--teacher: {student} does not say which teacher the student is from. Name it as "
            "hf:NAME_OR_FOLDER or package:NAME/FOLDER."
        )
    if checkpoint is None:
        return {"teacher": teacher, "checkpoint": None, "checkpoint_sha256": None}
    digest = weights_file_digest(
        Path(checkpoint),
        subject=f"--teacher: {student} was cut from {teacher} with the weights of {checkpoint}, "
        "which",
        advice="Put the file back, or name --teacher.",
    )
    if known.get("checkpoint_sha256") not in (None, digest):
        raise UsageError(
            f"--teacher: {checkpoint} holds other weights than when {student} was cut from that "
            "teacher. Put the earlier file back, or name --teacher."
        )
    return {"teacher": teacher, "checkpoint": str(checkpoint), "checkpoint_sha256": digest}
