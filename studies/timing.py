"""How long a file takes, against a limit that may be a share of another's time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas_kd.costs import Budget, DeviceProfile, LatencyRecord, measure_many
from nas_kd.errors import UsageError
from nas_kd.machine_lock import machine_alone


@dataclass(frozen=True)
class Timing:
    """A measured file, and the limit that holds beside it.

    Attributes:
        latency: The measurement.
        limit_ms: The longest median allowed.
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

    def to_dict(self) -> dict[str, Any]:
        """The timing as JSON-ready values."""
        return {"latency": self.latency.to_dict(), "limit_ms": self.limit_ms}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Timing:
        """The timing that `to_dict` wrote."""
        return cls(LatencyRecord.from_dict(values["latency"]), values["limit_ms"])


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
    known = {**costs, "latency_ms": measured[-1].median_ms}
    return Timing(measured[0], budget.limits(known).values["latency_ms"])


def require_whole_precision(profile: DeviceProfile, what: str) -> None:
    """Raises `UsageError` where latency is limited at a precision, and ``what`` are measured as
    they are."""
    if profile.precision != "fp32":
        raise UsageError(
            f"budget: latency is limited at {profile.precision}, and {what} are measured as they "
            "are. Limit it without a precision; nas-kd export lowers it afterwards."
        )
