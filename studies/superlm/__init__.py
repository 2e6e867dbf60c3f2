"""Parts of the search in a SuperLM: which students are judged, and which are fast enough."""

from __future__ import annotations

from studies.superlm.candidates import Choice, judged_losses
from studies.superlm.latency import TextLatencyLimit
from studies.superlm.source import Source

__all__ = ["Choice", "Source", "TextLatencyLimit", "judged_losses"]
