"""Scores kept one by one as they are found, so that no candidate is ever scored twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from nas_kd.sealed import sealed_line, unsealed
from nas_kd.whole_files import write_whole
from studies.candidates import Candidate


class KeptScores:
    """A file of scored candidates, one sealed JSON object a line, appended as soon as one is known.

    The journal is written batch by batch: what a kill takes away of a batch is still in this file,
    and so are the candidates that only served to scale the proxies. A line is in the file when
    `append` returns, whatever becomes of the process.

    Args:
        path: Made with its folder when the first candidate is kept.
        tell: Told of lines that are damaged.
    """

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        self._path = path
        self._tell = tell

    def read(self) -> list[Candidate]:
        """All candidates that were kept; damaged lines are told of, and taken out of the file.

        Raises:
            OSError: The file cannot be read, or not be mended.
        """
        if not self._path.is_file():
            return []
        there = self._path.read_bytes().splitlines(keepends=True)
        found = list(_candidates(there))
        if len(found) < len(there):
            self._tell(
                f"{self._path}: {len(there) - len(found)} of {len(there)} lines are damaged or "
                "unfinished; what they held is scored anew."
            )
            write_whole(
                self._path, "".join(sealed_line(candidate.to_dict()) for candidate in found)
            )
        return found

    def append(self, candidate: Candidate) -> None:
        """Keeps one candidate.

        Raises:
            OSError: The file cannot be written.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(sealed_line(candidate.to_dict()).encode())


def _candidates(lines: list[bytes]) -> Iterator[Candidate]:
    for line in lines:
        try:
            state = unsealed(line)
        except (ValueError, RecursionError):
            continue
        if line.endswith(b"\n"):
            yield Candidate.from_dict(state)
