"""Rank correlations of a score with a target over architectures, on plain arrays.

Scores of any kind come in as floats ``(arch,)``; what is not finite ranks last.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import kendalltau, spearmanr

WITHIN = 0.05
"""Relative difference in parameters up to which two architectures count as equally large."""

_ROUNDING = 1e-12
"""Below it, a difference is none."""
_CHUNK = 256


def dense_ranks(scores: np.ndarray) -> np.ndarray:
    """Ranks from 0 upwards, ``(arch,)``; equal scores share one, and so do all not finite ones.

    Those rank below everything: NaN, and infinities of both signs, say that there is no value.
    """
    ranks: np.ndarray = np.unique(
        np.where(np.isfinite(scores), scores, -np.inf), return_inverse=True
    )[1]
    return ranks


def kendall_tau(scores: np.ndarray, target: np.ndarray) -> float:
    """Kendall's tau-b; NaN where one of the two is constant."""
    return float(kendalltau(dense_ranks(scores), dense_ranks(target)).statistic)


def spearman_rho(scores: np.ndarray, target: np.ndarray) -> float:
    """Spearman's rho, ties by mean rank; NaN where one of the two is constant."""
    ranks, target_ranks = dense_ranks(scores), dense_ranks(target)
    if not (ranks.any() and target_ranks.any()):
        return math.nan
    return float(spearmanr(ranks, target_ranks).statistic)


def partial_tau(scores: np.ndarray, target: np.ndarray, given: np.ndarray) -> float:
    """Kendall's partial tau of scores and target, ``given`` a third quantity.

    (tau_st - tau_sg tau_tg) / sqrt((1 - tau_sg^2) (1 - tau_tg^2)): what is left of the agreement
    when both follow ``given``. NaN where ``given`` is constant or orders one of the two fully.

    Source: Kendall, Biometrika 1942.
    """
    st, sg, tg = (
        kendall_tau(*pair) for pair in ((scores, target), (scores, given), (target, given))
    )
    free = [1 - tau**2 for tau in (sg, tg)]
    if not all(share > _ROUNDING for share in free):
        return math.nan
    return (st - sg * tg) / math.sqrt(free[0] * free[1])


def tau_within(
    scores: np.ndarray, target: np.ndarray, sizes: np.ndarray, tolerance: float = WITHIN
) -> float:
    """Kendall's tau-b over the pairs of nearly equal size only.

    Args:
        scores: ``(arch,)``.
        target: ``(arch,)``.
        sizes: Positive sizes ``(arch,)``, such as numbers of parameters.
        tolerance: Pairs count whose larger size is at most ``1 + tolerance`` times the smaller.

    Returns:
        Concordant minus discordant pairs, divided by the root of the product of the pairs not tied
        in the scores and those not tied in the target; NaN where one of these is none.
    """
    order = np.argsort(sizes, kind="stable")
    x, y, size = dense_ranks(scores)[order], dense_ranks(target)[order], sizes[order]
    ends = np.searchsorted(size, size * (1 + tolerance) * (1 + _ROUNDING), side="right")
    agreement = untied_x = untied_y = 0
    for start in range(0, len(size), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(size)))[:, None]  # (row, 1)
        others = np.arange(start, ends[rows].max())  # (other,)
        near = (others > rows) & (others < ends[rows])  # (row, other)
        dx, dy = (np.sign(v[others] - v[rows]) * near for v in (x, y))
        agreement += int((dx * dy).sum())
        untied_x += int(np.count_nonzero(dx))
        untied_y += int(np.count_nonzero(dy))
    pairs = math.sqrt(untied_x * untied_y)
    return agreement / pairs if pairs else math.nan
