"""Robust statistics of run times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Summary:
    """Median, tails and spread of run times, all in the unit of the samples."""

    n: int
    median: float
    p90: float
    p99: float
    mad: float
    ci95: tuple[float, float]

    @property
    def relative_half_width(self) -> float:
        """Half the confidence interval's width as a share of the median."""
        low, high = self.ci95
        return (high - low) / 2 / self.median


def summarise(samples: ArrayLike) -> Summary:
    """Summarises positive run times, at least one."""
    values: NDArray[np.float64] = np.sort(np.asarray(samples, dtype=np.float64))
    median = float(np.median(values))
    p90, p99 = (float(np.percentile(values, q, method="higher")) for q in (90, 99))
    mad = float(np.median(np.abs(values - median)))
    return Summary(len(values), median, p90, p99, mad, _median_interval(values))


def _median_interval(ordered: NDArray[np.float64]) -> tuple[float, float]:
    """The 95 % order-statistic interval of the median; nothing is assumed of the distribution.

    The ranks come from the normal approximation of the binomial, rounded outwards. Below six
    samples no interval reaches 95 %, and the extremes are returned.
    """
    n = len(ordered)
    reach = _Z95 * math.sqrt(n) / 2
    low = max(0, math.floor(n / 2 - reach) - 1)
    high = min(n - 1, math.ceil(n / 2 + reach))
    return float(ordered[low]), float(ordered[high])


def drift(blocks: Sequence[Sequence[float]], everything: Sequence[Sequence[float]]) -> list[float]:
    """Relative deviation of each block's median from the median of all blocks' medians.

    Args:
        blocks: Run times of the reference model, block by block.
        everything: The same of the whole measurement.
    """
    usual = np.median([np.median(block) for block in everything])
    return [float(abs(np.median(block) / usual - 1.0)) for block in blocks]


def steady_blocks(
    blocks: Sequence[Sequence[float]], everything: Sequence[Sequence[float]], max_drift: float
) -> list[int]:
    """Positions of the blocks that drift by at most ``max_drift``; arguments as in `drift`."""
    return [i for i, moved in enumerate(drift(blocks, everything)) if moved <= max_drift]
