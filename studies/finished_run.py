"""The document of a run that is over, so that its command need not do anything again."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

from nas_kd.errors import UsageError
from studies.changed_student import put_aside_if_changed
from studies.run_directory import RunDirectory


def finished_document(
    run: RunDirectory, schema: str, answers: Callable[[Mapping[str, Any]], bool] = bool
) -> dict[str, Any] | None:
    """The document of a finished run whose students lie there as they were delivered.

    A student that was changed is put aside, since another takes its place.

    Args:
        run: The run.
        schema: That of the document; one of another kind is none.
        answers: Whether the document tells what is asked for; one that does not is none.

    Returns:
        None where the run is not finished, or where its document or a file of a student is damaged,
        changed or missing, which is told.

    Raises:
        OSError: The folder of a changed student cannot be renamed.
    """
    document = _document(run)
    if document is not None and document.get("schema") != schema:
        return None
    told = 0 if document is None else _count(document)
    wanted = [run.student(rank) for rank in range(1, told + 1)]
    delivered = list(dict.fromkeys([*wanted, *run.students]))
    changed = [student for student in delivered if put_aside_if_changed(run, student)]
    if document is None or changed or not answers(document):
        return None
    run.tell(
        f"{run.path} is finished: this is its result, and nothing is measured or trained again "
        f"(nas-kd measure {shlex.quote(str(delivered[0]))} measures)."
    )
    return document


def _count(document: Mapping[str, Any]) -> int:
    """How many students the document tells of."""
    return len(document["students"]) if "students" in document else 1


def _document(run: RunDirectory) -> dict[str, Any] | None:
    try:
        return run.read_result()
    except UsageError:
        run.tell(f"{run.result_json} is damaged; it is made anew from the other files of the run.")
        return None
