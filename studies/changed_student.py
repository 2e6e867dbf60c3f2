"""A delivered student that was changed gives its place to another one, and is kept beside it."""

from __future__ import annotations

from pathlib import Path

from nas_kd.export.manifest import changed_files
from nas_kd.whole_files import put_aside
from studies.run_directory import RunDirectory


def put_aside_if_changed(run: RunDirectory, student: Path) -> bool:
    """Renames the folder of a student whose files are not as its manifest has them.

    Args:
        run: Told of it.
        student: The folder.

    Returns:
        Whether the student is not there as it was delivered; also where nothing is.

    Raises:
        OSError: The folder cannot be renamed.
    """
    changed = changed_files(student)
    if not changed:
        return False
    aside = put_aside(student) if student.exists() else None
    kept = "" if aside is None else f" What was there is kept as {aside.name}."
    run.tell(
        f"{', '.join(str(student / name) for name in changed)}: not as the manifest there has it, "
        f"or missing. The student is made again.{kept}"
    )
    return True
