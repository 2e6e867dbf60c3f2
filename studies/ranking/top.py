"""How good the top of a ranking is, on plain arrays."""

from __future__ import annotations

import math

import numpy as np

from studies.ranking.correlation import dense_ranks

PLACES = 1000
"""At the top of a ranking, that its nDCG looks at."""


def top_pick_target(scores: np.ndarray, target: np.ndarray) -> float:
    """The target of the architecture that the score likes best; over ties for it, the mean.

    The mean is what a pick at random among them gives: the order of the table decides nothing.
    """
    ranks = dense_ranks(scores)
    return float(target[ranks == ranks.max()].mean())


def ndcg(scores: np.ndarray, target: np.ndarray, places: int = PLACES) -> float:
    """Normalised discounted cumulative gain of the first places, in (0, 1], 1 for the best.

    The gain halves with every point of the target below the best: it is meant for accuracies, in
    percent or as shares in [0, 1], of which most of a table is within a few points. Place k is
    discounted by log2(k + 1). Tied scores share the mean of their gains. NaN for a constant target.

    Source: Jarvelin and Kekalainen, TOIS 2002; gains as Burges et al., ICML 2005, 2^target - 1, but
    for the 1, which is lost in accuracies of percent; ties as McSherry and Najork, ECIR 2008.
    """
    if np.ptp(target) == 0:
        return math.nan
    per_cent = 100 if target.min() >= 0 and target.max() <= 1 else 1
    gains = np.exp2(per_cent * (target - target.max()))
    discounts = 1 / np.log2(np.arange(2, len(target) + 2))
    discounts[places:] = 0
    ranks = dense_ranks(scores)
    tie = ranks.max() - ranks  # (arch,): 0 for the best score
    mean_gains = np.bincount(tie, weights=gains) / np.bincount(tie)  # (tie,)
    shared = np.bincount(np.sort(tie), weights=discounts)  # (tie,)
    return float(mean_gains @ shared) / float(np.sort(gains)[::-1] @ discounts)
