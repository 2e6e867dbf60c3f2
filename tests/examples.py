"""The Python examples of the documentation, to be run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def example(file: str, word: str) -> str:
    """The source of the one example in ``file`` that holds ``word``."""
    text = (ROOT / file).read_text(encoding="utf-8")
    (source,) = (b for b in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if word in b)
    return str(source)


def run_example(file: str, word: str) -> tuple[str, dict[str, Any]]:
    """Runs the one example in ``file`` that holds ``word``, in the current folder.

    Returns:
        Its source, and its names with their values.
    """
    source = example(file, word)
    names: dict[str, Any] = {}
    exec(compile(source, file, "exec"), names)
    return source, names
