"""What a search found, so far or in the end, as JSON values."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from search_spaces import SearchSpace
from studies.candidates import Candidate
from studies.measured import Measured
from studies.measured_front import is_feasible, measured_front
from studies.objectives import SCORE
from studies.search_result import SearchResult


def found_document(
    space: SearchSpace, result: SearchResult, measured: Mapping[str, Measured]
) -> dict[str, Any]:
    """What the search itself found so far.

    ``feasible`` of the ``unique`` candidates are within the budget: those not counted or predicted
    to be over it (see ``infeasible_reasons``), nor measured to be too slow, which on the ``front``
    have ``within_latency`` false.
    """
    unique, front = result.unique, measured_front(result, measured)
    return {
        "evaluated": len(result.trials),
        "unique": len(unique),
        "feasible": sum(is_feasible(candidate, measured) for candidate in unique),
        "infeasible_reasons": _infeasible_reasons(unique, measured),
        "front": [front_row(candidate, space, result, measured) for candidate in front],
    }


def front_row(
    candidate: Candidate, space: SearchSpace, result: SearchResult, measured: Mapping[str, Measured]
) -> dict[str, Any]:
    """What a document tells of one candidate; its latency where it was measured."""
    latency = measured.get(candidate.key)
    return {
        "arch": dict(candidate.arch),
        "description": space.describe(candidate.arch),
        "macs": candidate.macs,
        "params": candidate.params,
        "latency_ms": latency.latency.median_ms if latency else None,
        "predicted_latency_ms": candidate.predicted_ms,
        "within_latency": latency.feasible if latency else None,
        "scores": {
            SCORE: result.objectives.score(candidate),
            **{name: finite_or_none(score) for name, score in candidate.scores.items()},
        },
    }


def _infeasible_reasons(
    unique: Sequence[Candidate], measured: Mapping[str, Measured]
) -> dict[str, int]:
    reasons = Counter(
        metric
        for candidate in unique
        for metric, violation in candidate.violations.items()
        if violation > 0
    )
    too_slow = sum(not m.feasible and m.candidate.feasible for m in measured.values())
    if too_slow:
        reasons["latency_ms"] += too_slow
    return dict(reasons)


def finite_or_none(value: float) -> float | None:
    """The value as JSON can hold it."""
    return value if math.isfinite(value) else None
