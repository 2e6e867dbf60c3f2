"""What a finished pre-training left on disk, by checksums."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nas_kd.file_digest import is_unchanged, sha256


def saved_files(folder: Path, facts: Mapping[str, Any]) -> dict[str, str]:
    """The SHA-256 of every file that ``facts`` name, and of all in folders that they name.

    Args:
        folder: Where the supernet was saved.
        facts: Those that `Session.save` returned: texts among them that are names of files or
            folders in ``folder`` stand for these.

    Returns:
        By the path within ``folder``.
    """
    texts = {text for text in facts.values() if isinstance(text, str)}
    named = (entry for entry in folder.iterdir() if entry.name in texts)
    files = sorted(file for entry in named for file in _files(entry))
    return {file.relative_to(folder).as_posix(): sha256(file) for file in files}


def changed_files(folder: Path, saved: Mapping[str, str]) -> list[Path]:
    """Those of `saved_files` that are missing, or hold something else now."""
    return [
        folder / name for name, digest in saved.items() if not is_unchanged(folder / name, digest)
    ]


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from (file for file in path.rglob("*") if file.is_file())
