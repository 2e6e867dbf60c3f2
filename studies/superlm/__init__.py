"""Parts of the search in a SuperLM: which students are judged, and which are fast enough."""

from __future__ import annotations

from studies.superlm.candidates import Choice, judged_losses
from studies.superlm.kept_losses import KeptLosses
from studies.superlm.latency import LatencyLimit
from studies.superlm.source import Source

__all__ = ["Choice", "KeptLosses", "LatencyLimit", "Source", "judged_losses"]
