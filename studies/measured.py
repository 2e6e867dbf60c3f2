"""A candidate with its measured latency."""

from __future__ import annotations

from dataclasses import dataclass

from nas_kd.costs import LatencyRecord
from studies.candidates import Candidate


@dataclass(frozen=True)
class Measured:
    """A candidate whose latency was measured beside the teacher's.

    Attributes:
        candidate: What was measured.
        latency: The measurement of its exported, untrained file.
        violation: Relative excess of the upper end of the median's confidence interval over the
            latency limit; at most 0 where the limit holds, -1 without a latency limit.
    """

    candidate: Candidate
    latency: LatencyRecord
    violation: float

    @property
    def feasible(self) -> bool:
        return self.violation <= 0

    def is_below(self, margin: float) -> bool:
        """Whether the latency is below the limit by at least ``margin``, a share of the limit."""
        return self.violation <= -margin
