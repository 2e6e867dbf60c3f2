"""`RankFusion`: one score out of the ranks that a student has among all seen so far."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence

from nas_kd.errors import UsageError

METHODS = ("log-rank", "mean-rank")


class RankFusion:
    """Fuses proxies by the ranks of a student in a history that grows.

    Ranks ascend with the score, equal scores share the mean of theirs, and NaN and infinite scores
    share the last place: a student without a value in one proxy can make up for it in others. With
    r_p the rank in proxy p and m the students of the history, the score is the sum over the proxies
    of log(r_p / m), or the mean of r_p / m. It changes when others join; adding a student and
    asking for a score take logarithmic time, but for the moving of memory.

    Args:
        proxies: Names of the proxies, at least one.
        method: ``log-rank``, in which a student that one proxy ranks near the bottom cannot be
            rescued by another, or ``mean-rank``.

    Raises:
        UsageError: There is no proxy, or the method is unknown.

    Source: log-rank, the aggregation of AZ-NAS (Lee and Ham, CVPR 2024), whose search ranks the
    whole history anew; mean-rank, as the sum of ranks, TE-NAS (Chen, Gong and Wang, ICLR 2021).
    """

    def __init__(self, proxies: Sequence[str], method: str = "log-rank") -> None:
        if not proxies:
            raise UsageError("fusing proxies needs at least one; name some.")
        if method not in METHODS:
            raise UsageError(
                f"there is no fusion {method!r} by ranks; take one of {', '.join(METHODS)}."
            )
        self._method = method
        self._values: dict[str, list[float]] = {name: [] for name in proxies}  # ascending
        self._students = 0

    def __len__(self) -> int:
        return self._students

    @property
    def least(self) -> float:
        """A bound that is below the score of every student of the history."""
        return self._fused([0.5] * len(self._values))

    def add(self, row: Mapping[str, float]) -> None:
        """Takes one more student into the history.

        Args:
            row: Proxy name to score; other names are ignored.

        Raises:
            UsageError: A proxy is missing.
        """
        self._require(row)
        for name, values in self._values.items():
            insort(values, _comparable(row[name]))
        self._students += 1

    def score(self, row: Mapping[str, float]) -> float:
        """The fused score of one student of the history, larger is better.

        A student that was not added gets the ranks between those that it beats and the others.

        Raises:
            UsageError: A proxy is missing.
        """
        self._require(row)
        return self._fused(
            [_rank(values, _comparable(row[name])) for name, values in self._values.items()]
        )

    def _fused(self, ranks: Sequence[float]) -> float:
        shares = [rank / max(self._students, 1) for rank in ranks]
        if self._method == "log-rank":
            return math.fsum(map(math.log, shares))
        return math.fsum(shares) / len(shares)

    def _require(self, row: Mapping[str, float]) -> None:
        missing = [name for name in self._values if name not in row]
        if missing:
            raise UsageError(f"the student lacks a score for {', '.join(missing)}; score it first.")


def _comparable(value: float) -> float:
    return value if math.isfinite(value) else -math.inf


def _rank(values: Sequence[float], value: float) -> float:
    """The mean rank of those in ``values`` that equal ``value``, from 1."""
    return (bisect_left(values, value) + bisect_right(values, value) + 1) / 2
