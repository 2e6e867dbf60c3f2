"""The measured candidates of a run, sorted into what pictures of their latency show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nas_kd.report import facts, numbers
from nas_kd.report.keys import key_of

MEASURED_LABEL = "measured median latency (ms), with its 95 % interval"


@dataclass(frozen=True)
class LatencyPoints:
    """Measured candidates with a score; the frames have the columns of `read_measurements`.

    Attributes:
        others: Those that are no finalists.
        finalists: Those that were shortly distilled.
        delivered: The student with the latency of the delivered file: one row, or none.
        limit_ms: The budget's limit on latency.
    """

    others: pd.DataFrame
    finalists: pd.DataFrame
    delivered: pd.DataFrame
    limit_ms: float | None


@dataclass(frozen=True)
class PredictionPoints:
    """Measured candidates whose latency was predicted.

    Attributes:
        fresh: Those that were measured after the prediction.
        seen: Those that the predictor was fitted to, or checked on.
        low_ms: The least latency of all, predicted, measured or end of an interval.
        high_ms: The largest.
    """

    fresh: pd.DataFrame
    seen: pd.DataFrame
    low_ms: float
    high_ms: float


def sort_latencies(measured: pd.DataFrame, document: Mapping[str, Any]) -> LatencyPoints | None:
    """Sorts what was measured; None when no scored candidate was.

    Args:
        measured: See `nas_kd.report.measurements.read_measurements`.
        document: The run's document, finished or partial.
    """
    scored = measured[np.isfinite(measured["score"])] if len(measured) else measured
    if not len(scored):
        return None
    finalists = {key_of(entry["arch"]) for entry in document.get("finalists") or []}
    is_finalist = scored["key"].isin(finalists)
    return LatencyPoints(
        others=scored[~is_finalist],
        finalists=scored[is_finalist],
        delivered=_delivered(scored, document),
        limit_ms=(document.get("budget") or {}).get("latency_ms"),
    )


def sort_predictions(measured: pd.DataFrame) -> PredictionPoints | None:
    """Sorts what was predicted and measured; None when there are no predictions."""
    both = measured[measured["predicted_ms"].notna()] if len(measured) else measured
    if not len(both):
        return None
    columns = ["latency_ms", "predicted_ms", "low_ms", "high_ms"]
    seen = both["in_fit"].astype(bool)
    return PredictionPoints(
        fresh=both[~seen],
        seen=both[seen],
        low_ms=float(both[columns].min().min()),
        high_ms=float(both[columns].max().max()),
    )


def interval_sides(rows: pd.DataFrame) -> tuple[list[float], list[float]]:
    """How far each interval reaches below and above its median; 0 where it is lost."""
    below = (rows["latency_ms"] - rows["low_ms"]).clip(lower=0).fillna(0.0)
    above = (rows["high_ms"] - rows["latency_ms"]).clip(lower=0).fillna(0.0)
    return below.tolist(), above.tolist()


def _delivered(scored: pd.DataFrame, document: Mapping[str, Any]) -> pd.DataFrame:
    student = document.get("student") or {}
    latency = facts.latency_of(student)
    if not student.get("arch") or numbers.is_missing(latency.get("median")):
        return scored[:0]
    low, high = latency.get("ci95") or (float("nan"), float("nan"))
    rows = scored[scored["key"] == key_of(student["arch"])]
    return rows.assign(latency_ms=latency["median"], low_ms=low, high_ms=high)
