"""A measurement for tests in which its value does not matter."""

from __future__ import annotations

from nas_kd.costs import LatencyRecord

LATENCY = LatencyRecord(
    median_ms=2.0, p90_ms=2.0, p99_ms=2.0, mad_ms=0.0, ci95_ms=(1.9, 2.1), n=300,
    first_run_ms=3.0, provider="CPUExecutionProvider", device="cpu", threads=1, batch=1,
    precision="float32", graph_level="all", warmup={}, reference_drift=0.0, drift_flagged=False,
    relative_to_reference=1.0, reference_ms=2.0, block_medians_ms=(2.0,),
)  # fmt: skip
