"""When a training is over: after so many epochs, or after so many minutes."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable


class Length(ABC):
    """How far a training is. Time runs from `start`.

    Args:
        clock: Seconds since some moment.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()

    def start(self, spent: float) -> None:
        """Starts the watch, ``spent`` seconds of the training being over already."""
        self._began = self._clock() - spent

    def paused(self, seconds: float) -> None:
        """Takes the last ``seconds`` as time in which the training stood still."""
        self._began += seconds

    @property
    def seconds(self) -> float:
        """Seconds the training has taken so far, without pauses."""
        return self._clock() - self._began

    @abstractmethod
    def share(self, epoch: int, step: int) -> float:
        """Share of the training that is over after ``epoch`` epochs and ``step`` steps."""

    @abstractmethod
    def is_over(self, epoch: int, reserve: float) -> bool:
        """Whether to stop, if what is still to be done afterwards takes ``reserve`` seconds."""

    @abstractmethod
    def done(self, epoch: int, step: int) -> tuple[int, int]:
        """Units over after ``epoch`` epochs and ``step`` steps, and units in all."""


class EpochLength(Length):
    """A fixed number of epochs of ``steps`` steps each; nothing depends on the clock.

    Progress is counted in steps.
    """

    def __init__(
        self, epochs: int, steps: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(clock)
        self._epochs = epochs
        self._steps = steps

    def share(self, epoch: int, step: int) -> float:
        return min(1.0, (epoch + step / self._steps) / self._epochs)

    def is_over(self, epoch: int, reserve: float) -> bool:
        return epoch >= self._epochs

    def done(self, epoch: int, step: int) -> tuple[int, int]:
        return epoch * self._steps + step, self._epochs * self._steps


class TimeLength(Length):
    """A fixed time; the schedule follows the clock. Progress is counted in seconds."""

    def __init__(self, minutes: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._total = 60 * minutes

    def share(self, epoch: int, step: int) -> float:
        return min(1.0, self.seconds / self._total)

    def is_over(self, epoch: int, reserve: float) -> bool:
        return self.seconds + reserve >= self._total

    def done(self, epoch: int, step: int) -> tuple[int, int]:
        total = max(1, round(self._total))
        return min(total, int(self.seconds)), total
