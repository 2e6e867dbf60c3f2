"""Parts of the search in a SuperLM: who is judged, who is fast enough, and what is made of them."""

from __future__ import annotations

from studies.supernets.superlm.candidates import Choice, judged_losses
from studies.supernets.superlm.delivery import deliver
from studies.supernets.superlm.latency import TextLatencyLimit
from studies.supernets.superlm.short_distillation import shortly_distilled, with_shared_weights
from studies.supernets.superlm.source import Source
from studies.supernets.superlm.student_key import student_key

__all__ = [
    "Choice",
    "Source",
    "TextLatencyLimit",
    "deliver",
    "judged_losses",
    "shortly_distilled",
    "student_key",
    "with_shared_weights",
]
