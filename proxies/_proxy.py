"""The contract of a proxy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from proxies._probe import Probe

Score = Callable[[Probe, Probe | None], float]
"""The student's probe and the teacher's, where one is needed, to a float; larger is better."""


@dataclass(frozen=True)
class Proxy:
    """A training-free score with what it needs and where it comes from.

    Attributes:
        name: Name in the registry.
        score: The score itself. It may be NaN or infinite for a net that carries no signal.
        needs: Facts of the probe that it reads (`proxies._probe.FACTS`), and ``teacher``.
        initialisation: ``default`` (PyTorch's), ``gaussian`` (N(0, 1)) or ``none`` (reads no
            weights).
        cost: ``free``, ``forward``, ``backward``, in passes of the shared batch.
        batch: What it looks at.
        source: Paper and equation.
        deviation: Where this one differs from it.
        ours: Whether it was first proposed here.
    """

    name: str
    score: Score
    needs: frozenset[str]
    initialisation: str
    cost: str
    batch: str
    source: str
    deviation: str = ""
    ours: bool = False

    def __call__(self, student: Probe, teacher: Probe | None = None) -> float:
        """The score of the student, larger is better."""
        return self.score(student, teacher)
