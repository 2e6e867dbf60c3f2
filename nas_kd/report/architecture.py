"""The delivered student's architecture, as its space draws it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nas_kd.errors import UsageError
from search_spaces import Arch, Drawing, create_space, drawing_of


def student_drawing(document: Mapping[str, Any]) -> Drawing | None:
    """What a picture of the student shows; None while the run has none.

    Where its space is not installed here (any more), the architecture in words.
    """
    student = document.get("student") or {}
    if not student.get("arch"):
        return None
    section = document["space"]
    try:
        space = create_space(section["name"], **(section.get("options") or {}))
        return drawing_of(space, Arch(student["arch"]))
    except UsageError:
        return Drawing(caption=str(student["description"]))
