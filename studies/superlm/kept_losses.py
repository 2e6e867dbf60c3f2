"""Losses of students, kept on disk as they are found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from search_spaces import Arch
from studies.superlm.kept import Kept

Judge = Callable[[Sequence[Arch]], dict[Arch, float]]
"""Students to their losses."""

CHUNK = 16
"""Students that are judged together: the teacher reads the text once for them."""


class KeptLosses:
    """Judges students once; a second call on the same file reads what the first one found.

    Args:
        path: See `Kept`.
        identity: See there.
        judge: How students are judged that are not in it.
    """

    def __init__(self, path: Path, identity: str, judge: Judge) -> None:
        self._losses = Kept(path, identity)
        self._judge = judge

    def of(
        self, archs: Sequence[Arch], told: Callable[[int], None] = lambda done: None
    ) -> dict[Arch, float]:
        """The losses of these students; ``told`` of how many are judged."""
        missing = [arch for arch in archs if arch not in self._losses]
        told(len(archs) - len(missing))
        while missing:
            self._losses.put(self._judge(missing[:CHUNK]))
            missing = missing[CHUNK:]
            told(len(archs) - len(missing))
        return {arch: self._losses[arch] for arch in archs}
