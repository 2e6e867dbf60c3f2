"""How fast the reference model usually is on a device: the scale of normalised latencies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nas_kd.costs.records import LatencyRecord
from nas_kd.whole_files import write_whole

MAX_SLOWNESS = 0.1
"""Excess of the reference's time over its usual one from which a measurement is flagged."""
_REMEMBERED = 50


@dataclass(frozen=True)
class ReferenceSpeed:
    """The reference's steady times in earlier measurements of one device, kept as a JSON file.

    A virtual machine's speed changes from minute to minute with what its neighbours do, and so does
    the reference's. A model's time in units of the reference's moves far less; multiplied by the
    reference's usual time it is a latency that two measurements agree on.

    Attributes:
        path: The file; a damaged one counts as empty.
    """

    path: Path

    def usual_ms(self) -> float | None:
        """Median of the remembered times; None before the first."""
        times = self._read()
        return float(np.median(times)) if times else None

    def learn(self, records: Sequence[LatencyRecord]) -> None:
        """Remembers the reference of one measurement, unless others disturbed it.

        Args:
            records: Of models that were measured together.
        """
        if not records or "busy" in records[0].flags:
            return
        times = [*self._read(), records[0].reference_ms][-_REMEMBERED:]
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.path, json.dumps({"reference_ms": times}))

    def normalise(self, record: LatencyRecord) -> LatencyRecord:
        """The record with its normalised figures at the usual speed, flagged where it was slow."""
        usual = self.usual_ms()
        if usual is None:
            return record
        interval = record.normalised_ci95_ms
        scale = usual / (record.usual_reference_ms or record.reference_ms)
        slow = record.reference_ms > (1 + MAX_SLOWNESS) * usual
        return replace(
            record,
            usual_reference_ms=usual,
            normalised_ms=record.relative_to_reference * usual,
            normalised_ci95_ms=interval and (interval[0] * scale, interval[1] * scale),
            flags=(*(flag for flag in record.flags if flag != "slow"), *(["slow"] if slow else [])),
        )

    def _read(self) -> list[float]:
        try:
            times = json.loads(self.path.read_text(encoding="utf-8"))["reference_ms"]
            return [float(time) for time in times if float(time) > 0]
        except (OSError, ValueError, TypeError, KeyError):
            return []
