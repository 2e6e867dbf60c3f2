"""The fused score of candidates, on a fixed scale or by their ranks so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import pandas as pd

from proxies import RankFusion, ReferenceFusion
from studies.candidates import Candidate
from studies.fusions import Fusion


class FusedScore(Protocol):
    """One score out of all proxies.

    Attributes:
        moves: Whether the score of a candidate changes when others are added.
    """

    moves: bool

    @property
    def placeholder(self) -> float:
        """What stands in the storage for the score of candidates without one."""
        ...

    def add(self, candidate: Candidate) -> None:
        """Takes note of a candidate; the same one counts once."""
        ...

    def of(self, candidate: Candidate) -> float:
        """Larger is better; -inf for a candidate that was not scored or has no value."""
        ...


class ReferenceScore:
    """Against a reference sample, see `ReferenceFusion`; every proxy needs a finite value.

    The placeholder is one unit below the worst of the reference; others may have lower scores.
    """

    moves = False

    def __init__(self, proxies: Sequence[str], reference: Sequence[Candidate]) -> None:
        frame = pd.DataFrame([dict(c.scores) for c in reference], columns=list(proxies))
        self._fusion = ReferenceFusion(frame)
        self.placeholder = placeholder([self.of(candidate) for candidate in reference])

    def add(self, candidate: Candidate) -> None:
        """Changes nothing."""

    def of(self, candidate: Candidate) -> float:
        """-inf for a candidate of which one proxy has no value, too."""
        if not candidate.scores or candidate.degenerate:
            return -math.inf
        return self._fusion.score(candidate.scores)


class RankScore:
    """By ranks among the reference and all added candidates, see `RankFusion`.

    One proxy with a finite value is enough.
    """

    moves = True

    def __init__(
        self, proxies: Sequence[str], reference: Sequence[Candidate], method: Fusion
    ) -> None:
        self._fusion = RankFusion(proxies, method)
        self._known: set[str] = set()
        for candidate in reference:
            self.add(candidate)

    @property
    def placeholder(self) -> float:
        """Below all others; sinks as candidates are added."""
        return self._fusion.least

    def add(self, candidate: Candidate) -> None:
        if candidate.scores and candidate.key not in self._known:
            self._known.add(candidate.key)
            self._fusion.add(candidate.scores)

    def of(self, candidate: Candidate) -> float:
        """-inf for a candidate of which no proxy has a value."""
        if not any(map(math.isfinite, candidate.scores.values())):
            return -math.inf
        return self._fusion.score(candidate.scores)


def fused_score(
    fusion: Fusion, proxies: Sequence[str], reference: Sequence[Candidate]
) -> FusedScore:
    """The score that a recipe asks for."""
    if fusion == "reference":
        return ReferenceScore(proxies, reference)
    return RankScore(proxies, reference, fusion)


def placeholder(values: Sequence[float]) -> float:
    """What stands in for a value that is not finite: one unit below the least finite one."""
    finite = [value for value in values if math.isfinite(value)]
    return min(finite) - 1.0 if finite else -1.0
