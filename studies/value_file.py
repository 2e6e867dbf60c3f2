"""Numbers by network in a file that several processes may append to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from nas_kd.sealed import sealed_line, unsealed
from search_spaces import Arch


class ValueFile:
    """A sealed JSON object a line, appended as soon as it is known.

    What one process appends is written at once and begins a line of its own, so that what a second
    one, a kill or a full disk left unfinished takes nothing else with it. Damaged lines count as
    lost.

    Args:
        path: Made with its folder when the first value is appended.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, float]:
        """The values by the keys of their networks; none where the file cannot be read."""
        try:
            return dict(_values(self._path.read_bytes().splitlines()))
        except OSError:
            return {}

    def append(self, values: Mapping[Arch, float]) -> None:
        """Keeps these, too.

        Raises:
            OSError: They cannot be written.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lines = [sealed_line({"arch": arch.key, "value": value}) for arch, value in values.items()]
        with self._path.open("ab") as file:
            file.write("".join(["\n", *lines]).encode())


def _values(lines: list[bytes]) -> Iterator[tuple[str, float]]:
    for line in lines:
        try:
            known = unsealed(line)
            yield str(known["arch"]), float(known["value"])
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
