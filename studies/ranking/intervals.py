"""95 % intervals of Kendall's tau-b and Spearman's rho over functions.

A function is what rows with one canonical architecture compute: they share their scores and nearly
their accuracies, so that they are drawn together and not one by one.

With sx_ij the sign of x_i - x_j, and w_i how often a sample of functions drawn with replacement
holds that of row i, both are ratios of polynomials in w::

    tau(w) = sum_ij w_i w_j sx_ij sy_ij / sqrt(sum_ij w_i w_j |sx_ij|  sum_ij w_i w_j |sy_ij|)
    rho(w) = sum_i w_i s_i t_i / sqrt(sum_i w_i s_i^2  sum_i w_i t_i^2),  s_i = sum_j w_j sx_ij

where s and t are twice the centred mean ranks within the sample. Two ways lead from there:

- Up to `LARGEST_BOOTSTRAP` rows, the percentile bootstrap with `DRAWS` samples. It is
  exact: products of the matrix of all w with the matrices of signs give all samples at once.
- Beyond, where these matrices grow too large, the estimate plus and minus 1.96 standard errors of
  the infinitesimal jackknife: the root of the summed squares of the derivatives at w = 1 by the
  weight of each function. The bootstrap's variance tends to it as functions grow in number;
  O(n log n).

Source: Efron, The Jackknife, the Bootstrap and Other Resampling Plans, 1982, chapters 5 and 6.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from studies.ranking.correlation import dense_ranks

DRAWS = 1000
LARGEST_BOOTSTRAP = 2000

_Z95 = 1.959963984540054

Interval: TypeAlias = tuple[float, float]
Method: TypeAlias = Literal["bootstrap", "jackknife"]


class Intervals:
    """Intervals of the correlations of any scores with one target.

    All scores are judged on the same samples.

    Args:
        target: Finite values ``(arch,)``.
        seed: Decides the samples.
        functions: Number of the function of each row from 0 upwards, ``(arch,)``; None where each
            row is one of its own.
        draws: Number of samples.
        largest_bootstrap: Number of rows up to which samples are drawn.
    """

    def __init__(
        self,
        target: np.ndarray,
        *,
        seed: int,
        functions: np.ndarray | None = None,
        draws: int = DRAWS,
        largest_bootstrap: int = LARGEST_BOOTSTRAP,
    ) -> None:
        self._target = dense_ranks(target)
        self._functions = np.arange(len(target)) if functions is None else functions
        self._bootstrap = None
        if len(target) <= largest_bootstrap:
            self._bootstrap = _Bootstrap(self._target, self._functions, seed, draws)

    @property
    def method(self) -> Method:
        """How the intervals are found."""
        return "jackknife" if self._bootstrap is None else "bootstrap"

    def of(self, scores: np.ndarray) -> tuple[Interval, Interval]:
        """The intervals of tau-b and of rho; NaN where the scores or the target are constant."""
        ranks = dense_ranks(scores)
        if not (ranks.any() and self._target.any()):
            return (math.nan, math.nan), (math.nan, math.nan)
        if self._bootstrap is not None:
            taus, rhos = self._bootstrap.correlations(ranks)
            return _percentiles(taus), _percentiles(rhos)
        tau, rho = (of(ranks, self._target) for of in (tau_derivatives, rho_derivatives))
        return self._normal(*tau), self._normal(*rho)

    def _normal(self, estimate: float, derivatives: np.ndarray) -> Interval:
        """By the derivatives by the weight of each row, ``(arch,)``."""
        of_functions = np.bincount(self._functions, weights=derivatives)  # (function,)
        reach = _Z95 * math.sqrt(float(of_functions @ of_functions))
        return max(-1.0, estimate - reach), min(1.0, estimate + reach)


@dataclass(frozen=True)
class _Side:
    """One of the two quantities in all samples.

    Attributes:
        signs: sign(x_i - x_j), ``(arch, arch)``.
        ranks: Twice the centred mean ranks in each sample, ``(draw, arch)``.
        spread: Sum of their squares over the sample, ``(draw,)``.
        untied: Twice the number of pairs in the sample that are not tied, ``(draw,)``.
    """

    signs: np.ndarray
    ranks: np.ndarray
    spread: np.ndarray
    untied: np.ndarray


class _Bootstrap:
    """All samples at once, for one target. Counts and signs are exact in float32."""

    def __init__(self, target: np.ndarray, functions: np.ndarray, seed: int, draws: int) -> None:
        count = int(functions.max()) + 1
        drawn = np.random.default_rng(seed).integers(count, size=(draws, count))
        cells = drawn + count * np.arange(draws)[:, None]
        counts = np.bincount(cells.ravel(), minlength=draws * count)
        of_functions = counts.reshape(draws, count).astype(np.float32)
        self._counts = of_functions[:, functions]  # (draw, arch)
        self._target = self._side(target)

    def correlations(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tau-b and rho in each sample, ``(draw,)`` each; NaN where a sample is constant."""
        mine, target = self._side(scores), self._target
        agreement = self._summed(self._counts @ (mine.signs * target.signs))
        product = self._summed(mine.ranks * target.ranks)
        with np.errstate(invalid="ignore"):
            taus = agreement / np.sqrt(mine.untied * target.untied)
            rhos = product / np.sqrt(mine.spread * target.spread)
        return taus.clip(-1, 1), rhos.clip(-1, 1)

    def _side(self, values: np.ndarray) -> _Side:
        signs = np.sign(values[:, None] - values).astype(np.float32)
        ranks = self._counts @ signs.T
        untied = self._summed(self._counts @ np.abs(signs))
        return _Side(signs, ranks, self._summed(ranks**2), untied)

    def _summed(self, values: np.ndarray) -> np.ndarray:
        """Sums ``(draw, arch)`` over each sample, ``(draw,)``."""
        summed: np.ndarray = (self._counts * values).sum(axis=1, dtype=np.float64)
        return summed


def tau_derivatives(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Tau-b of dense ranks and its derivative by the weight of each architecture, ``(arch,)``."""
    net, free_x, free_y = net_concordance(x, y), _untied(x), _untied(y)
    root = math.sqrt(float(free_x.sum()) * float(free_y.sum()))
    tau = float(net.sum()) / root
    slope = net / root - tau / 2 * (free_x / free_x.sum() + free_y / free_y.sum())
    return tau, 2 * slope


def rho_derivatives(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Rho of dense ranks and its derivative by the weight of each architecture, ``(arch,)``."""
    ones = np.ones(len(x))
    s, t = _below_minus_above(x, ones), _below_minus_above(y, ones)
    spread_x, spread_y = float(s @ s), float(t @ t)
    root = math.sqrt(spread_x * spread_y)
    rho = float(s @ t) / root
    product = s * t - _below_minus_above(x, t) - _below_minus_above(y, s)
    grown_x = (s * s - 2 * _below_minus_above(x, s)) / spread_x
    grown_y = (t * t - 2 * _below_minus_above(y, t)) / spread_y
    return rho, product / root - rho / 2 * (grown_x + grown_y)


def net_concordance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """For each architecture, the others concordant with it minus the discordant ones.

    Args:
        x: Dense ranks ``(arch,)``.
        y: Dense ranks ``(arch,)``.
    """
    down, left = y.max() - y, x.max() - x
    concordant = _dominated(x, y) + _dominated(left, down)
    discordant = _dominated(x, down) + _dominated(left, y)
    net: np.ndarray = concordant - discordant
    return net


def _dominated(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """For each architecture, how many others are smaller both in ``x`` and in ``y``.

    In the order of x (equal x: of falling y), these are the earlier ones with smaller y. They are
    counted as merge sort would: in each pair of neighbouring blocks, for the second block.
    """
    order = np.lexsort((-y, x))
    ranked, place = y[order], np.arange(len(y))
    counts = np.zeros(len(y), dtype=np.int64)
    span, size = int(y.max()) + 1, 1
    while size < len(y):
        base = place // (2 * size) * span  # keeps pairs of blocks apart
        late = place // size % 2 == 1
        early = np.sort((base + ranked)[~late])
        smaller = early.searchsorted((base + ranked)[late]) - early.searchsorted(base[late])
        counts[late] += smaller
        size *= 2
    unordered = np.empty_like(counts)
    unordered[order] = counts
    return unordered


def _untied(ranks: np.ndarray) -> np.ndarray:
    """For each architecture, how many others have another rank."""
    others: np.ndarray = len(ranks) - np.bincount(ranks)[ranks]
    return others


def _below_minus_above(ranks: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For each architecture, the sum of ``values`` of those ranked below it minus above it."""
    sums = np.bincount(ranks, weights=values)
    up_to = np.cumsum(sums)
    difference: np.ndarray = (2 * up_to - sums - up_to[-1])[ranks]
    return difference


def _percentiles(values: np.ndarray) -> Interval:
    known = values[np.isfinite(values)]
    if not len(known):
        return math.nan, math.nan
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)
