"""Measurements that tests take in place of real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from nas_kd.costs import LatencyRecord
from studies.timing import Timing

LATENCY = LatencyRecord(
    median_ms=2.0, p90_ms=2.0, p99_ms=2.0, mad_ms=0.0, ci95_ms=(1.9, 2.1), n=300,
    first_run_ms=3.0, provider="CPUExecutionProvider", device="cpu", threads=1, batch=1,
    precision="float32", graph_level="all", warmup={}, reference_drift=0.0, drift_flagged=False,
    relative_to_reference=1.0, reference_ms=2.0, block_medians_ms=(2.0,),
)  # fmt: skip


def files_take(milliseconds: Iterable[float], delivered: str) -> Callable[..., Timing]:
    """In place of a timing beside a limit of 2 ms: what files of the name ``delivered`` take, one
    after the other; all others take 1 ms."""
    waiting = iter(milliseconds)

    def timed(file: Path, *others: object) -> Timing:
        taken = next(waiting) if file.name == delivered else 1.0
        record = replace(LATENCY, median_ms=taken, ci95_ms=(taken, taken))
        return Timing(record, 2.0)

    return timed
