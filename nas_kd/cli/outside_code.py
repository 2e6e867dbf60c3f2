"""Nothing that a student directory names is executed, unless the user names it, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nas_kd.errors import UsageError

if TYPE_CHECKING:
    from studies.recipe import Recipe


def refuse_outside_code(student: str, recipe: Recipe, changes: Mapping[str, Any]) -> None:
    """Refuses a recipe whose teacher or data are code that only the student directory names.

    Args:
        student: The directory, for the message.
        recipe: What is to be done.
        changes: What the user gave, by dotted name.

    Raises:
        UsageError: Code would be run that the user has not named.
    """
    from nas_kd.data.load import names_code as data_are_code
    from nas_kd.teachers.load import names_code as teacher_is_code

    for flag, key, source, is_code in (
        ("--teacher", "teacher.source", recipe.teacher.source, teacher_is_code),
        ("--data", "data.source", recipe.data.source, data_are_code),
    ):
        if not changes.get(key) and source and is_code(source):
            raise UsageError(
                f"{flag}: the student in {student} was made with {source!r}, which is code, and "
                "nothing that a student directory names is executed. Name it yourself: "
                f"{flag} {source}"
            )
