"""Parts of the search in an elastic supernet: its data, its networks, which are fast enough."""

from __future__ import annotations

from studies.elastic.delivery import deliver
from studies.elastic.latency import ImageLatencyLimit
from studies.elastic.ranking import RankedNetwork, ranked, within_budget
from studies.elastic.source import Source

__all__ = [
    "ImageLatencyLimit",
    "RankedNetwork",
    "Source",
    "deliver",
    "ranked",
    "within_budget",
]
