"""Robust statistics of run times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Z95 = 1.959963984540054
_FEWEST_PROCESSES = 2
_FASTEST_PERCENT = 10


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
        return relative_half_width(self.ci95, self.median)


def relative_half_width(interval: tuple[float, float], median: float) -> float:
    """Half an interval's width as a share of the median."""
    low, high = interval
    return (high - low) / 2 / median


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


def fast_level(references: Sequence[Sequence[float]]) -> float:
    """The reference's time while nothing slows the machine: the fastest decile of its slices.

    Args:
        references: Run times of the reference model, slice by slice, of the whole measurement.
    """
    return float(np.percentile([np.median(part) for part in references], _FASTEST_PERCENT))


def deviation(references: Sequence[Sequence[float]], level: float) -> float:
    """Largest relative deviation of the slices' medians from ``level``."""
    return max(abs(float(np.median(part)) / level - 1.0) for part in references)


def interval_over_processes(
    medians: Sequence[float], pooled: tuple[float, float]
) -> tuple[float, float]:
    """A 95 % interval of the median that covers what another process would find.

    Student's t on the logarithms of the processes' medians: where the memory of a process happens
    to lie moves all of its runs together, so that many runs of one process say little about the
    next. It is never narrower than the pooled runs' own interval, and with one process it is that.

    Args:
        medians: One median per process, all above zero.
        pooled: Order-statistic interval of all runs.
    """
    from scipy.stats import t

    count = len(medians)
    if count < _FEWEST_PROCESSES:
        return pooled
    logarithms = np.log(np.asarray(medians, dtype=np.float64))
    reach = float(t.ppf(0.975, count - 1)) * float(logarithms.std(ddof=1)) / math.sqrt(count)
    center = float(logarithms.mean())
    low, high = math.exp(center - reach), math.exp(center + reach)
    return min(low, pooled[0]), max(high, pooled[1])
