"""The front of a search once latencies are measured."""

from __future__ import annotations

from collections.abc import Mapping

from studies.candidates import Candidate
from studies.finalists import Measured
from studies.search_result import SearchResult


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
