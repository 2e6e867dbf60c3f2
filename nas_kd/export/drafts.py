"""Files that are checked before they take the places of others."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def drafts_of(file: Path) -> Iterator[Path]:
    """A hidden folder beside ``file``; what a killed call left there is removed."""
    folder = file.parent / f".{file.stem}.part"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
