"""Parts of the search in an elastic supernet: its data, its networks, which are fast enough."""

from __future__ import annotations

from studies.elastic.delivery import deliver
from studies.elastic.latency import ImageLatencyLimit
from studies.elastic.ranking import RankedNetwork, counted_limits, ranked, within_budget
from studies.elastic.source import Source

__all__ = [
    "ImageLatencyLimit",
    "RankedNetwork",
    "Source",
    "counted_limits",
    "deliver",
    "ranked",
    "within_budget",
]
