"""Wording shared by the error messages."""

from __future__ import annotations


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or its type's name when it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
