"""Two classifiers on the same images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_QUANTILE = 1.96


@dataclass(frozen=True)
class Gain:
    """How many more points of 100 one has right than the other.

    Attributes:
        points: The difference.
        low: Lower end of its 95 % interval.
        high: Upper end.
    """

    points: float
    low: float
    high: float

    @property
    def is_certain(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low > 0


def paired_gain(one: Sequence[str], other: Sequence[str]) -> Gain:
    """Of ``one`` over ``other``, each with a text of hits (1) and misses (0) for every seed.

    The interval is that of the mean over the images, whose difference is taken image by image and
    averaged over the seeds first; the seeds' own spread is not in it.
    """
    mine, theirs = (
        np.array([[int(hit) for hit in hits] for hits in seeds], dtype=float)
        for seeds in (one, other)
    )
    differences = 100 * (mine - theirs).mean(0)  # image
    half = _QUANTILE * float(differences.std(ddof=1)) / len(differences) ** 0.5
    mean = float(differences.mean())
    return Gain(mean, mean - half, mean + half)
