"""What a file holds, in 64 characters."""

from __future__ import annotations

import hashlib
from pathlib import Path


def sha256(path: Path) -> str:
    """The file's SHA-256, in hexadecimal.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def is_unchanged(path: Path, digest: str) -> bool:
    """Whether the file is there and has that SHA-256.

    Raises:
        OSError: It is there and cannot be read.
    """
    return path.is_file() and sha256(path) == digest
