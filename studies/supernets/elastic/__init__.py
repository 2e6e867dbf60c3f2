"""Parts of the search in an elastic supernet: its data, its networks, which are fast enough."""

from __future__ import annotations

from studies.supernets.elastic.delivery import deliver
from studies.supernets.elastic.latency import ImageLatencyLimit
from studies.supernets.elastic.ranking import RankedNetwork, counted_limits, ranked, within_budget
from studies.supernets.elastic.source import Source

__all__ = [
    "ImageLatencyLimit",
    "RankedNetwork",
    "Source",
    "counted_limits",
    "deliver",
    "ranked",
    "within_budget",
]
