"""Architectures of a run, as its space draws them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nas_kd.errors import UsageError
from search_spaces import Arch, Drawing, create_space, drawing_of


def student_drawing(document: Mapping[str, Any]) -> Drawing | None:
    """What a picture of the student shows; None while the run has none."""
    student = document.get("student") or {}
    return drawing_of_entry(document, student) if student.get("arch") else None


def drawing_of_entry(document: Mapping[str, Any], entry: Mapping[str, Any]) -> Drawing:
    """What a picture of a finalist or of the student shows (`drawing_in`).

    Args:
        document: The run's document.
        entry: One of its architectures, with ``arch`` and ``description``.
    """
    section = document["space"]
    return drawing_in(section["name"], section.get("options") or {}, entry)


def drawing_in(space: str, options: Mapping[str, Any], entry: Mapping[str, Any]) -> Drawing:
    """What a picture of an architecture of the named space shows.

    Where that space is not installed here (any more), the architecture in words.

    Args:
        space: Its name.
        options: What it is made with.
        entry: The architecture, with ``arch`` and ``description``.
    """
    try:
        return drawing_of(create_space(space, **options), Arch(entry["arch"]))
    except UsageError:
        return Drawing(caption=str(entry["description"]))
