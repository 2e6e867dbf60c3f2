"""One score out of several proxies."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from nas_kd.errors import UsageError

_NORMAL_QUARTILES = 1.349
"""Distance of the quartiles of a standard normal distribution."""

_FARTHEST = 1e300
"""Bound on scaled scores that keeps a sum of them finite."""


class ReferenceFusion:
    """The mean of proxies brought to one scale, which a fixed reference sample sets.

    Each proxy is centred on the reference's median and divided by its quartile distance (in
    standard deviations of a normal distribution); the inverse hyperbolic sine then keeps the
    middle as it is and makes far values grow like a logarithm. Unlike ranks, the score of a student
    does not change when others join. It is strictly increasing in every proxy, and finite wherever
    the proxies are.

    A column whose quartiles coincide is divided by its standard deviation, a constant one by its
    own size: it then adds 0 for that constant. Values that are not finite do not count for the
    scale.

    Args:
        reference: One column per proxy, one row per student.

    Raises:
        UsageError: There is no column.
    """

    def __init__(self, reference: pd.DataFrame) -> None:
        if not len(reference.columns):
            raise UsageError("fusing proxies needs at least one; name some.")
        self._scales = {
            str(name): _scale(reference[name].to_numpy(float)) for name in reference.columns
        }

    def score(self, row: Mapping[str, float]) -> float:
        """The fused score of one student, larger is better.

        Args:
            row: Proxy name to score; names outside the reference are ignored.

        Returns:
            The mean of the scaled scores; -inf when one of them is not finite.

        Raises:
            UsageError: A proxy of the reference is missing.
        """
        missing = [name for name in self._scales if name not in row]
        if missing:
            raise UsageError(f"the student lacks a score for {', '.join(missing)}; score it first.")
        if not all(math.isfinite(row[name]) for name in self._scales):
            return -math.inf
        return math.fsum(
            math.asinh(_scaled(row[name], *scale)) for name, scale in self._scales.items()
        ) / len(self._scales)


def log_rank_fusion(frame: pd.DataFrame) -> pd.Series:
    """Sum over proxies of log(rank / students); ranks ascend with the score, ties share the mean.

    A student that one proxy ranks near the bottom cannot be rescued by another. NaN and infinite
    scores rank last. The scores hold for this set of students: they change when one joins.

    Args:
        frame: One column per proxy, one row per student.

    Returns:
        The fused scores under the frame's index, at most 0, larger is better.

    Source: the aggregation of AZ-NAS (Lee and Ham, CVPR 2024).
    """
    values = frame.to_numpy(float)
    values = np.where(np.isfinite(values), values, -np.inf)  # (student, proxy)
    ranks = rankdata(values, method="average", axis=0) if len(values) else values
    return pd.Series(np.log(ranks / len(values)).sum(axis=1), index=frame.index)


def _scale(values: np.ndarray) -> tuple[float, float]:
    """Centre and positive spread of a proxy in the reference."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, centre, high = np.percentile(finite, [25, 50, 75])
    spreads: tuple[float, ...] = ((high - low) / _NORMAL_QUARTILES, finite.std(), abs(centre), 1.0)
    if np.ptp(finite) == 0:  # the standard deviation of a constant may be a rounding error
        spreads = (abs(centre), 1.0)
    return float(centre), next(float(spread) for spread in spreads if spread > 0)


def _scaled(value: float, centre: float, spread: float) -> float:
    return max(-_FARTHEST, min(_FARTHEST, (value - centre) / spread))
