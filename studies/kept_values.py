"""What networks are judged to be, kept on disk as it is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from nas_kd.machine_lock import machine_shared
from search_spaces import Arch
from studies.kept import Kept

Judge = Callable[[Sequence[Arch]], dict[Arch, float]]
"""Networks to their losses or accuracies."""

CHUNK = 16
"""Networks that are judged together: a teacher reads a text once for them."""


class KeptValues:
    """Judges networks once; a second call on the same file reads what the first one found.

    Args:
        path: See `Kept`.
        identity: See there.
        judge: How networks are judged that are not in it.
        chunk: How many are judged together, and lost when that is interrupted.
    """

    def __init__(self, path: Path, identity: str, judge: Judge, chunk: int = CHUNK) -> None:
        self._values = Kept(path, identity)
        self._judge = judge
        self._chunk = chunk

    def of(
        self, archs: Sequence[Arch], told: Callable[[int], None] = lambda done: None
    ) -> dict[Arch, float]:
        """The values of these networks; ``told`` of how many are judged."""
        missing = [arch for arch in archs if arch not in self._values]
        told(len(archs) - len(missing))
        while missing:
            with machine_shared():
                judged = self._judge(missing[: self._chunk])
            self._values.put(judged)
            missing = missing[self._chunk :]
            told(len(archs) - len(missing))
        return {arch: self._values[arch] for arch in archs}
