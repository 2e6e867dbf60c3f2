"""Losses of students, kept on disk as they are found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from nas_kd.sealed import unsealed, write_sealed
from search_spaces import Arch

Judge = Callable[[Sequence[Arch]], dict[Arch, float]]
"""Students to their losses."""

CHUNK = 16
"""Students that are judged together: the teacher reads the text once for them."""


class KeptLosses:
    """Judges students once; a second call on the same file reads what the first one found.

    Args:
        path: The file; its folder must exist. One that is damaged or of other students is replaced.
        identity: Whose losses they are.
        judge: How students are judged that are not in it.
    """

    def __init__(self, path: Path, identity: str, judge: Judge) -> None:
        self._path = path
        self._identity = identity
        self._judge = judge
        self._losses: dict[str, float] = self._read()

    def of(
        self, archs: Sequence[Arch], told: Callable[[int], None] = lambda done: None
    ) -> dict[Arch, float]:
        """The losses of these students; ``told`` of how many are judged."""
        missing = [arch for arch in archs if arch.key not in self._losses]
        told(len(archs) - len(missing))
        while missing:
            found = self._judge(missing[:CHUNK])
            self._losses |= {arch.key: loss for arch, loss in found.items()}
            missing = missing[CHUNK:]
            write_sealed(self._path, {"identity": self._identity, "losses": self._losses})
            told(len(archs) - len(missing))
        return {arch: self._losses[arch.key] for arch in archs}

    def _read(self) -> dict[str, float]:
        try:
            kept = unsealed(self._path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return dict(kept["losses"]) if kept.get("identity") == self._identity else {}
