"""Counted sizes read as scores."""

from __future__ import annotations

from nas_kd.errors import UsageError
from proxies._probe import Probe


def counted_cost(student: Probe, name: str) -> float:
    """The student's counted cost ``name``; `UsageError` when it was not given."""
    if name not in student.costs:
        raise UsageError(f"proxy {name!r} reads the student's counted {name}; give it in `costs`.")
    return float(student.costs[name])
