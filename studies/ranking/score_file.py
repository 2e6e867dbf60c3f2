"""`ScoreFile`: scores in a CSV file that grows while functions are scored, to be continued."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from nas_kd.errors import UsageError
from nas_kd.file_lock import locked
from nas_kd.machine_lock import lock_file
from nas_kd.whole_files import write_whole
from studies.ranking.scores import Pass

_EVERY_S = 5.0


def writing_alone(path: Path) -> AbstractContextManager[None]:
    """Held while scores are kept in ``path``: another process of this machine waits for its turn.

    Two that keep their scores in one file would each leave out columns of the other.
    """
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    waiting = f"Waiting for another nas-kd rank that keeps its scores in {path} ..."
    return locked(lock_file(f"scores-{name}"), exclusive=True, waiting=waiting)


class ScoreFile:
    """One line a pass: the settings, ``arch`` (canonical key), ``seconds``, one column a proxy.

    A cell is empty where its pass did not score the proxy. New lines are appended in batches, one
    every few seconds and the last one by `flush`. A line that a kill left unfinished is cut off
    when the file is opened again.

    Args:
        path: Made by `require` if it is not there.
        settings: What the scores depend on, by name.

    Attributes:
        passes: What the file held when it was opened.

    Raises:
        UsageError: The file is another one, holds scores of other settings, or cannot be read.
    """

    def __init__(self, path: Path, settings: Mapping[str, str]) -> None:
        self.path = path
        self.passes: list[Pass] = []
        self._settings = dict(settings)
        self._fixed = [*settings, "arch", "seconds"]
        self._proxies: list[str] = []
        self._waiting: list[Pass] = []
        self._written = time.monotonic()
        try:
            if self._has_content():
                self._read()
        except OSError as error:
            raise self._unusable(error) from error

    def require(self, proxies: Iterable[str]) -> None:
        """Makes room for the scores of ``proxies``, before any is added.

        Raises:
            UsageError: The file cannot be written.
        """
        new = [name for name in dict.fromkeys(proxies) if name not in self._proxies]
        try:
            if new or not self._has_content():
                self._proxies += new
                lines = [[*self._fixed, *self._proxies], *map(self._cells, self.passes)]
                write_whole(self.path, _text(lines))
        except OSError as error:
            raise self._unusable(error) from error

    def add(self, done: Pass) -> None:
        self._waiting.append(done)
        if time.monotonic() - self._written >= _EVERY_S:
            self.flush()

    def flush(self) -> None:
        """Appends what waits."""
        if self._waiting:
            with self.path.open("a", encoding="utf-8", newline="") as file:
                file.write(_text(map(self._cells, self._waiting)))
                file.flush()
                os.fsync(file.fileno())
        self._waiting = []
        self._written = time.monotonic()

    def _has_content(self) -> bool:
        return self.path.exists() and (not self.path.is_file() or self.path.stat().st_size > 0)

    def _read(self) -> None:
        content = self.path.read_bytes()
        end = content.rfind(b"\n") + 1
        try:
            header, *lines = csv.reader(io.StringIO(content[:end].decode()), strict=True)
        except (ValueError, csv.Error):
            raise self._foreign() from None
        if header[: len(self._fixed)] != self._fixed or len(set(header)) != len(header):
            raise self._foreign()
        cells = [self._named(number, header, line) for number, line in enumerate(lines, start=2)]
        for number, row in enumerate(cells, start=2):
            self._require_settings(row)
            self.passes.append(self._pass(number, row))
        self._proxies = header[len(self._fixed) :]
        if end < len(content):
            with self.path.open("r+b") as file:
                file.truncate(end)

    def _named(self, number: int, header: Sequence[str], line: Sequence[str]) -> dict[str, str]:
        if len(line) != len(header):
            raise self._damaged(number)
        return dict(zip(header, line, strict=True))

    def _require_settings(self, row: Mapping[str, str]) -> None:
        changed = [
            f"{name} is {row[name] or 'unset'} there and {value or 'unset'} now"
            for name, value in self._settings.items()
            if row[name] != value
        ]
        if changed:
            raise UsageError(
                f"--scores: {self.path} holds scores of other settings: {', '.join(changed)}. Name "
                "another file, or use the settings of this one."
            )

    def _pass(self, number: int, row: Mapping[str, str]) -> Pass:
        names = list(row)[len(self._fixed) :]
        try:
            scores = {name: float(row[name]) for name in names if row[name]}
            return Pass(row["arch"], float(row["seconds"]), scores)
        except ValueError:
            raise self._damaged(number) from None

    def _cells(self, done: Pass) -> list[str]:
        scores = [
            repr(float(done.scores[name])) if name in done.scores else "" for name in self._proxies
        ]
        return [*self._settings.values(), done.key, f"{done.seconds:.6f}", *scores]

    def _foreign(self) -> UsageError:
        return UsageError(
            f"--scores: {self.path} is not a file of scores that nas-kd rank wrote; it is left as "
            "it is. Name another file."
        )

    def _damaged(self, number: int) -> UsageError:
        return UsageError(
            f"--scores: line {number} of {self.path} is damaged. Take it out, or name another file."
        )

    def _unusable(self, error: OSError) -> UsageError:
        return UsageError(
            f"--scores: {self.path} cannot be read or written ({error.strerror}). Name a file in a "
            "folder that is there and writable."
        )


def _text(lines: Iterable[Sequence[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(lines)
    return buffer.getvalue()
