"""Latency of any student of a space, predicted from a few dozen measured ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls
from scipy.stats import spearmanr

from nas_kd.errors import UsageError

LEAST_STUDENTS = 4
"""Fewer measured students say nothing about the others."""


@dataclass(frozen=True)
class PredictionError:
    """How well latencies of students that were not used for fitting are predicted.

    Attributes:
        fitted: Students that were measured to fit.
        held_out: Other measured students that the figures below are of.
        mape: Mean absolute relative error, as a share.
        worst: Largest absolute relative error, as a share.
        spearman: Rank correlation of predicted and measured; NaN below three students.
        macs_mape: ``mape`` of a straight line in MACs, fitted on the same students.
        macs_spearman: ``spearman`` of MACs alone.
    """

    fitted: int
    held_out: int
    mape: float
    worst: float
    spearman: float
    macs_mape: float
    macs_spearman: float

    def to_dict(self) -> dict[str, Any]:
        """A form for JSON, in which an undefined figure is None."""
        return {n: None if v != v else v for n, v in asdict(self).items()}

    def __str__(self) -> str:
        return (
            f"latency predictor: fitted on {self.fitted} measured students, mean error "
            f"{self.mape:.1%} on {self.held_out} others (worst {self.worst:.1%}, Spearman "
            f"{self.spearman:.3f}); a line in MACs: {self.macs_mape:.1%}"
        )


class LatencyPredictor:
    """A price for everything that is counted of a network: MACs, parameters, operators, genes.

    On one device the latencies of a network's parts nearly add up, and none is negative: prices are
    fitted by nonnegative least squares, of the relative errors, so that short latencies are met as
    exactly as long ones. That needs few students and extrapolates without surprises; what does not
    add up (fused operators, activations that engines share) is up to the features. It predicts for
    the space, device, threads, batch and input on which it was fitted, and for nothing else.

    Args:
        features: Of the measured students, ``(student, feature)``, none negative.
        latencies_ms: Their measured medians, ``(student,)``.

    Raises:
        UsageError: There are fewer than four students.
    """

    def __init__(self, features: ArrayLike, latencies_ms: ArrayLike) -> None:
        x = np.asarray(features, dtype=float)
        y = np.asarray(latencies_ms, dtype=float)
        if len(y) < LEAST_STUDENTS:
            raise UsageError(
                f"latency predictor: {len(y)} measured students are too few; measure at least "
                f"{LEAST_STUDENTS}, better 40."
            )
        self._shortest = float(np.min(y)) / 2
        largest = x.max(axis=0)
        self._scale = np.where(largest > 0, largest, 1.0)
        prices, _ = nnls(self._counted(x) / y[:, None], np.ones(len(y)))
        self._prices: NDArray[np.float64] = prices

    def predict(self, features: ArrayLike) -> NDArray[np.float64]:
        """Latencies in milliseconds, ``(student,)``; never below half the shortest measured one.

        Args:
            features: ``(student, feature)``.
        """
        x = np.atleast_2d(np.asarray(features, dtype=float))
        latencies: NDArray[np.float64] = np.maximum(self._counted(x) @ self._prices, self._shortest)
        return latencies

    def _counted(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """One for what every network takes, then the features: ``(student, 1 + feature)``."""
        return np.column_stack([np.ones(len(x)), x / self._scale])


class FeatureScaler:
    """Centres and scales features as they lie in a sample; constant ones are left out."""

    def __init__(self, sample: NDArray[np.float64]) -> None:
        deviation = sample.std(axis=0)
        self._varying = deviation > 1e-12
        self._mean = sample.mean(axis=0)[self._varying]
        self._deviation = deviation[self._varying]

    def __call__(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled: NDArray[np.float64] = (features[:, self._varying] - self._mean) / self._deviation
        return scaled


def design(features: ArrayLike, count: int) -> list[int]:
    """Which students to measure: each the one that the ones before it tell least about.

    Greedy maximisation of the determinant of the linear kernel plus a Gaussian one (a pivoted
    Cholesky decomposition): D-optimal for the additive part, spread out for the rest.

    Args:
        features: Of the pool, ``(student, feature)``.
        count: How many are wanted.

    Returns:
        Indices into the pool, at most ``count``, the most telling first.
    """
    pool = np.asarray(features, dtype=float)
    scaled = FeatureScaler(pool)(pool)
    width = max(1, scaled.shape[1])
    linear = scaled @ scaled.T / width
    norms = np.diag(linear)
    gram = linear + np.exp(-(norms[:, None] + norms[None, :] - 2 * linear) / 2) + 1e-9
    left = np.diag(gram).copy()
    factors = np.zeros((len(pool), 0))
    chosen: list[int] = []
    while len(chosen) < min(count, len(pool)):
        pivot = int(np.argmax(left))
        if left[pivot] <= 1e-9:
            break
        column = (gram[:, pivot] - factors @ factors[pivot]) / np.sqrt(left[pivot])
        factors = np.column_stack([factors, column])
        left = np.maximum(left - column**2, 0.0)
        left[pivot] = 0.0
        chosen.append(pivot)
    return chosen


def prediction_error(
    predictor: LatencyPredictor,
    features: ArrayLike,
    latencies_ms: ArrayLike,
    *,
    fitted_macs: NDArray[np.float64],
    fitted_ms: NDArray[np.float64],
) -> PredictionError:
    """The error on held-out students, beside that of a straight line in MACs.

    Args:
        predictor: Fitted on other students.
        features: Of the held-out students, ``(student, feature)``, MACs first.
        latencies_ms: Measured, ``(student,)``.
        fitted_macs: MACs of the students that the predictor was fitted on.
        fitted_ms: Their latencies.
    """
    x = np.asarray(features, dtype=float)
    truth = np.asarray(latencies_ms, dtype=float)
    predicted = predictor.predict(x)
    relative = np.abs(predicted / truth - 1)
    slope, intercept = np.polyfit(fitted_macs, fitted_ms, 1)
    line = slope * x[:, 0] + intercept
    return PredictionError(
        fitted=len(fitted_ms),
        held_out=len(truth),
        mape=float(relative.mean()),
        worst=float(relative.max()),
        spearman=_spearman(predicted, truth),
        macs_mape=float(np.abs(line / truth - 1).mean()),
        macs_spearman=_spearman(x[:, 0], truth),
    )


def _spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(spearmanr(one, other).statistic)
