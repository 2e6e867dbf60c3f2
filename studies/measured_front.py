"""What a search found, once latencies are measured: who holds the budget, and the front."""

from __future__ import annotations

from collections.abc import Mapping

from studies.candidates import Candidate
from studies.measured import Measured
from studies.search_result import SearchResult


def is_feasible(candidate: Candidate, measured: Mapping[str, Measured]) -> bool:
    """Whether a candidate holds the budget: as counted or predicted, and as far as it was measured.

    Args:
        candidate: Any.
        measured: Canonical key to every candidate whose latency was measured.
    """
    latency = measured.get(candidate.key)
    return candidate.feasible and (latency is None or latency.feasible)


def measured_front(result: SearchResult, measured: Mapping[str, Measured]) -> list[Candidate]:
    """The front of the candidates within the budget, and those of the search's that are too slow.

    What was measured to be too slow dominates nothing.

    Args:
        result: What the search found.
        measured: Canonical key to every candidate whose latency was measured.

    Returns:
        Best score first.
    """
    too_slow = {key for key, one in measured.items() if not one.feasible}
    front = result.front
    missed = [candidate for candidate in front if candidate.key in too_slow]
    if not missed:
        return front
    return result.best_first([*missed, *result.front_without(too_slow)])
