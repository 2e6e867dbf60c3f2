"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Write to the path that this gives; it takes the place of ``path`` when all went well.

    Whenever this is interrupted, ``path`` is what it was before. Its folder has to exist.

    Raises:
        OSError: The file cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Replaces ``path`` by ``text``.

    Raises:
        OSError: It cannot be written; an earlier file is left as it was.
    """
    with replaced(path) as draft:
        draft.write_text(text, encoding="utf-8")
