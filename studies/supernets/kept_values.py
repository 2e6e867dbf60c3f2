"""What networks of a supernet are judged to be, kept on disk as it is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from nas_kd.machine_lock import machine_shared
from search_spaces import Arch
from studies.run_directory import state_name
from studies.sealed_lines import SealedLines

Judge = Callable[[Sequence[Arch]], dict[Arch, float]]
"""Networks to their losses or accuracies."""

CHUNK = 16
"""Networks that are judged together: a teacher reads a text once for them."""


class KeptValues:
    """Judges networks once: whatever a search of the supernet found, the next one finds there.

    Values are kept in ``work/judged`` of the supernet's run, or where that cannot be written, of
    the search's own directory; both are read. Two searches at once may judge the same.

    Args:
        run: Directory of the supernet.
        folder: Directory of the search.
        identity: Of all that the values depend on, see `studies.supernets.judging_identity`.
        judge: How networks are judged that are not known.
        tell: Told of lines that are damaged.
        chunk: How many are judged together, and lost when that is interrupted.
        key: Tells a network from all others.
    """

    def __init__(
        self,
        run: Path,
        folder: Path,
        identity: str,
        judge: Judge,
        tell: Callable[[str], None],
        chunk: int = CHUNK,
        key: Callable[[Arch], str] = lambda arch: arch.key,
    ) -> None:
        name = f"{state_name(identity)}.jsonl"
        self._shared, self._own = (
            SealedLines(place / "work" / "judged" / name) for place in (run, folder)
        )
        self._values = {**_values(self._own, tell), **_values(self._shared, tell)}
        self._judge = judge
        self._chunk = chunk
        self._key = key

    def of(
        self, archs: Sequence[Arch], told: Callable[[int], None] = lambda done: None
    ) -> dict[Arch, float]:
        """The values of these networks; ``told`` of how many are judged."""
        missing = [arch for arch in archs if self._key(arch) not in self._values]
        told(len(archs) - len(missing))
        while missing:
            with machine_shared():
                judged = self._judge(missing[: self._chunk])
            self._keep(judged)
            missing = missing[self._chunk :]
            told(len(archs) - len(missing))
        return {arch: self._values[self._key(arch)] for arch in archs}

    def _keep(self, judged: dict[Arch, float]) -> None:
        values = {self._key(arch): value for arch, value in judged.items()}
        self._values |= values
        lines = [{"arch": key, "value": value} for key, value in values.items()]
        try:
            self._shared.append(lines)
        except OSError:  # the supernet is somebody else's, or lies where nothing can be written
            self._own.append(lines)


def _values(lines: SealedLines, tell: Callable[[str], None]) -> dict[str, float]:
    """By the keys of their networks; none where the file cannot be read."""
    try:
        whole, damaged = lines.read()
    except OSError:
        return {}
    if damaged:
        tell(
            f"{lines.path}: {damaged} of {len(whole) + damaged} lines are damaged or unfinished; "
            "what they held is judged anew where it is wanted."
        )
    return {line["arch"]: line["value"] for line in whole}
