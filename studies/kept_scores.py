"""Scores kept one by one as they are found, so that no candidate is ever scored twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nas_kd.sealed import sealed_line
from nas_kd.whole_files import write_whole
from studies.candidates import Candidate
from studies.sealed_lines import SealedLines


class KeptScores:
    """A file of scored candidates, one sealed JSON object a line, appended as soon as one is known.

    The journal is written batch by batch: what a kill takes away of a batch is still in this file,
    and so are the candidates that only served to scale the proxies.

    Args:
        path: Made with its folder when the first candidate is kept.
        tell: Told of lines that are damaged.
    """

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        self._lines = SealedLines(path)
        self._tell = tell

    def read(self) -> list[Candidate]:
        """All candidates that were kept; damaged lines are told of, and taken out of the file.

        Raises:
            OSError: The file cannot be read, or not be mended.
        """
        whole, damaged = self._lines.read()
        if damaged:
            self._tell(
                f"{self._lines.path}: {damaged} of {len(whole) + damaged} lines are damaged or "
                "unfinished; what they held is scored anew."
            )
            write_whole(self._lines.path, "".join(map(sealed_line, whole)))
        return [Candidate.from_dict(state) for state in whole]

    def append(self, candidate: Candidate) -> None:
        """Keeps one candidate.

        Raises:
            OSError: The file cannot be written.
        """
        self._lines.append([candidate.to_dict()])
