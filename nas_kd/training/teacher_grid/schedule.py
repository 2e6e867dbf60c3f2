"""How much the teachers count in the course of a training."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """The weight of the teachers' loss by the number of epochs that are over.

    Attributes:
        weight: At its height.
        start: Epochs without teachers.
        ramp: Epochs over which the weight then grows, linearly, from zero; 0 grows at once.
    """

    weight: float
    start: float = 0.0
    ramp: float = 0.0

    def at(self, epochs: float) -> float:
        since = epochs - self.start
        if since < 0:
            return 0.0
        return self.weight * (min(1.0, since / self.ramp) if self.ramp else 1.0)
