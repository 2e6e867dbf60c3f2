"""The document of a run that is over, so that its command need not do anything again."""

from __future__ import annotations

from typing import Any

from nas_kd.errors import UsageError
from nas_kd.export.manifest import changed_files
from studies.run_directory import RunDirectory


def finished_document(run: RunDirectory, schema: str) -> dict[str, Any] | None:
    """The document of a finished run whose students lie there as they were delivered.

    Args:
        run: The run.
        schema: That of the document; one of another kind is none.

    Returns:
        None where the run is not finished, or where its document or a file of a student is damaged,
        changed or missing, which is told.
    """
    try:
        document = run.read_result()
    except UsageError:
        run.tell(f"{run.result_json} is damaged; it is made anew from the other files of the run.")
        return None
    if document is None or document.get("schema") != schema:
        return None
    students = run.students or [run.student(1)]
    changed = [str(path / name) for path in students for name in changed_files(path)]
    if changed:
        run.tell(
            f"{', '.join(changed)}: not as the manifest there has it, or missing. The end of the "
            "run is done again from what else is kept."
        )
        return None
    run.tell(
        f"{run.path} is finished: this is its result, and nothing is measured or trained again "
        f"(nas-kd measure {students[0]} measures)."
    )
    return document
