"""Text and tables in the Markdown that the dashboard draws."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~$!])")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose columns stand on the right, but for the first and for architectures."""
    marks = ["---" if name in ("", "architecture") else "---:" for name in head]
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, marks, *rows])


def plain(text: str) -> str:
    """Text without marks, also where a name is full of them."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))


def cell(text: str) -> str:
    """Text that stays on one line, so that no unit leaves its number."""
    return plain(text).replace(" ", "\N{NO-BREAK SPACE}")


def code(text: str) -> str:
    """Text as code in a table's cell, in which only a bar ends it."""
    inside = " ".join(text.split()).replace("`", "").replace("|", r"\|")
    return f"`{inside}`"


def toml_block(text: str) -> str:
    """TOML as it is, however many backticks are in it."""
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    return f"{fence}toml\n{text.rstrip()}\n{fence}"
