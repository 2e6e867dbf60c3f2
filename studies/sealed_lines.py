"""A file of sealed JSON objects, one a line, that several processes may append to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from nas_kd.sealed import sealed_line, unsealed


class SealedLines:
    """What is appended is written at once and begins a line of its own.

    So what a kill, a full disk or another process left unfinished takes nothing else with it. A
    line is in the file when `append` returns, whatever becomes of the process.

    Args:
        path: Made with its folder when the first lines are appended.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[list[dict[str, Any]], int]:
        """What the whole lines hold, and how many lines are damaged or unfinished.

        Raises:
            OSError: The file is there and cannot be read.
        """
        if not self.path.is_file():
            return [], 0
        lines = [line for line in self.path.read_bytes().splitlines(keepends=True) if line.strip()]
        whole = list(_whole(lines))
        return whole, len(lines) - len(whole)

    def append(self, contents: Iterable[Mapping[str, Any]]) -> None:
        """Keeps these, too, in one write.

        Raises:
            OSError: They cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file:
            start = "" if _at_line_start(file) else "\n"
            file.write("".join([start, *map(sealed_line, contents)]).encode())


def _whole(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            content = unsealed(line)
        except (ValueError, RecursionError):
            continue
        if line.endswith(b"\n"):
            yield content


def _at_line_start(file: BinaryIO) -> bool:
    """Whether what is appended begins a line."""
    if file.seek(0, os.SEEK_END) == 0:
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
