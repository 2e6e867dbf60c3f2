"""How long a file takes, against a limit that may be a share of another's time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

from nas_kd.costs import Budget, DeviceProfile, LatencyRecord, Limits, measure_many
from nas_kd.errors import UsageError
from nas_kd.machine_lock import machine_alone

ATTEMPTS = 3
"""Times that a file is measured at most, until it is decided whether its limit holds."""


@dataclass(frozen=True)
class Timing:
    """A measured file, and the limit that holds beside it.

    Attributes:
        latency: The measurement.
        limit_ms: The longest median allowed; infinite without a limit.
    """

    latency: LatencyRecord
    limit_ms: float

    @property
    def is_met(self) -> bool:
        """Whether the upper end of the interval holds the limit."""
        return self.holds(0.0)

    def holds(self, margin: float) -> bool:
        """Whether it does so by this share of the limit."""
        return self.latency.ci95_ms[1] <= (1 - margin) * self.limit_ms

    @property
    def violation(self) -> float:
        """Relative excess of the upper end of the interval over the limit; -1 without a limit."""
        limits = Limits({"latency_ms": self.limit_ms})
        return limits.violations({"latency_ms": self.latency.ci95_ms[1]})["latency_ms"]

    @property
    def is_decided(self) -> bool:
        """Whether the limit lies outside the interval of an undisturbed measurement."""
        low, high = self.latency.ci95_ms
        outside = high <= self.limit_ms or low > self.limit_ms
        return math.isinf(self.limit_ms) or (outside and not self.latency.doubts)

    @property
    def uncertainty(self) -> tuple[bool, float]:
        """Whether others disturbed it, and the interval's width as a share of the median."""
        low, high = self.latency.ci95_ms
        return bool(self.latency.doubts), (high - low) / self.latency.median_ms

    def to_dict(self) -> dict[str, Any]:
        """The timing as JSON-ready values."""
        return {"latency": self.latency.to_dict(), "limit_ms": self.limit_ms}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Timing:
        """The timing that `to_dict` wrote."""
        return Timing(LatencyRecord.from_dict(values["latency"]), values["limit_ms"])


T = TypeVar("T", bound=Timing)


def time_beside(
    file: Path, whole: Path, costs: Mapping[str, float], budget: Budget, profile: DeviceProfile
) -> Timing:
    """Measures a file; where its limit is a share of another's time, both in the same processes.

    Args:
        file: What is limited.
        whole: The teacher, or the largest network of a supernet; not read where the limit is a
            time.
        costs: Counted costs of ``whole``.
        budget: It limits latency.
        profile: Where it is measured.
    """
    is_share = any(e.of_teacher for e in budget.entries if e.metric == "latency_ms")
    with machine_alone():
        measured = measure_many([file, whole] if is_share else [file], profile)
    return Timing(measured[0], longest_ms(budget, costs, measured[-1]))


def longest_ms(budget: Budget, costs: Mapping[str, float], whole: LatencyRecord) -> float:
    """The longest median that a budget allows; infinite where it does not limit latency.

    Args:
        budget: The limits.
        costs: Counted costs of the teacher, or of the largest network.
        whole: What that took beside the file.
    """
    limits = budget.limits({**costs, "latency_ms": whole.median_ms})
    return limits.values.get("latency_ms", math.inf)


def decided(measure: Callable[[], T], decides: Callable[[T], bool] = attrgetter("is_decided")) -> T:
    """Measures a file until it is decided whether it holds its limit.

    Where a timing does not decide, it is measured again, `ATTEMPTS` times at most. Of undecided
    timings the one of the narrowest interval counts, whichever way it points, and undisturbed ones
    first.

    Args:
        measure: Measures it once.
        decides: Whether a timing does. By default, as for delivered files, it does where the limit
            lies outside its interval and nobody disturbed it.
    """
    undecided = []
    for _ in range(ATTEMPTS):
        timing = measure()
        if decides(timing):
            return timing
        undecided.append(timing)
    return min(undecided, key=lambda one: one.uncertainty)


def require_whole_precision(profile: DeviceProfile, what: str) -> None:
    """Raises `UsageError` where latency is limited at a precision, and ``what`` are measured as
    they are."""
    if profile.precision != "fp32":
        raise UsageError(
            f"budget: latency is limited at {profile.precision}, and {what} are measured as they "
            "are. Limit it without a precision; nas-kd export lowers it afterwards."
        )
