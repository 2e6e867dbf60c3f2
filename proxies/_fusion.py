"""One score out of several proxies."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import rankdata

_NORMAL_IQR = 1.349
"""Interquartile range of the standard normal distribution."""


class ReferenceFusion:
    """The mean of robustly scaled proxies, the scale taken from a fixed reference sample.

    Each proxy is centred on the reference's median and divided by its interquartile range (in
    standard deviations of a normal distribution); the inverse hyperbolic sine then tames heavy
    tails. The score of a student never changes as more students are seen, it rises with every
    proxy, and no proxy rules by its units, as M_s does in the plain sum of DisWOT.

    Args:
        reference: One column a proxy, one row a student; rows may hold -inf.
    """

    def __init__(self, reference: pd.DataFrame) -> None:
        self._scales = {str(name): _scale(reference[name]) for name in reference.columns}

    def score(self, scores: Mapping[str, float]) -> float:
        """The fused score, larger is better; -inf when any proxy has no finite value."""
        if not all(math.isfinite(scores[name]) for name in self._scales):
            return -math.inf
        scaled = [
            math.asinh((scores[name] - centre) / spread)
            for name, (centre, spread) in self._scales.items()
        ]
        return sum(scaled) / len(scaled)


def log_rank_fusion(scores: pd.DataFrame) -> pd.Series:
    """Sum over proxies of log(rank / number of students), ascending ranks, average ties.

    Emphasises the weak side: a student that one proxy ranks near the bottom cannot be rescued by
    another. Scores of a population: they change when a student joins. NaN and -inf rank last.

    Source: the aggregation of AZ-NAS, Lee and Ham, CVPR 2024.
    """
    filled = scores.fillna(-np.inf)
    ranks = np.column_stack([rankdata(filled[name]) for name in filled.columns])
    return pd.Series(np.log(ranks / len(filled)).sum(1), index=scores.index)


def _scale(values: pd.Series) -> tuple[float, float]:
    """Centre and spread; a spread of 1 where the reference has none."""
    finite = values[np.isfinite(values)]
    if finite.empty:
        return 0.0, 1.0
    low, centre, high = np.percentile(finite, [25, 50, 75])
    spread = (high - low) / _NORMAL_IQR or float(finite.std(ddof=0)) or 1.0
    return float(centre), float(spread)
