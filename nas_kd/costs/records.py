"""What the cost meters return: values together with how they were obtained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class CountRecord:
    """Counted size of a model.

    Attributes:
        macs: Multiply-accumulates of convolutions, linear layers, matrix products, attention and
            recurrent layers for one input. Normalisation, pooling and element-wise operators are
            not part of it.
        params: Elements of all parameters; shared ones count once.
        how: Always ``"counted"``.
        unsupported: Operator to number of calls, for those whose MACs could not be counted.
        by_operator: The parts of ``macs``.
        not_in_macs: Operations of normalisation and pooling layers as fvcore counts them. Added to
            ``macs`` they give fvcore's own total.
    """

    macs: int
    params: int
    how: str = "counted"
    unsupported: dict[str, int] = field(default_factory=dict)
    by_operator: dict[str, int] = field(default_factory=dict)
    not_in_macs: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True)
class LatencyRecord:
    """Measured latency of one ONNX file, with the evidence.

    On a GPU the times are compute times: inputs and outputs stay in device memory, and every run
    is synchronised.

    Attributes:
        median_ms: Median over all runs of the blocks that were kept.
        p90_ms: 90th percentile; of little meaning below 300 runs.
        p99_ms: 99th percentile; of little meaning below some thousand runs.
        mad_ms: Median absolute deviation from the median.
        ci95_ms: Order-statistic 95 % confidence interval of the median over the pooled runs. It
            does not cover differences between processes or days.
        n: Number of runs behind these figures.
        first_run_ms: The first run of all, before the warm-up; in no other figure.
        provider: ONNX Runtime execution provider in use.
        device: Name of the processor.
        threads: Intra-operator threads of the session.
        batch: Images per run.
        precision: ``float32``, ``float16``, ``bfloat16``, ``float64`` or ``int8``.
        graph_level: ONNX Runtime's graph optimisation level.
        warmup: ``seconds`` and ``runs`` of the warm-up.
        reference_drift: Largest relative deviation of the fixed reference model, timed before
            every block, from its median over the whole measurement (0.03 is 3 %).
        drift_flagged: The machine was too unsteady: not enough blocks had a steady reference, so
            all of them were kept.
        relative_to_reference: Median over the blocks of this model's time in units of the
            reference's time in the same block; free of the machine's slow drift.
        reference_ms: Median time of the reference model.
        block_medians_ms: Median of every block that was kept, in order of time.
        end_to_end_ms: Median including copies to and from the device; None on the CPU, where
            nothing is copied.
        other_providers: Share of kernel time on providers other than ``provider``.
        how: Always ``"measured"``.
        versions: Package to version.
        environment: System, cores, clocks and session settings.
    """

    median_ms: float
    p90_ms: float
    p99_ms: float
    mad_ms: float
    ci95_ms: tuple[float, float]
    n: int
    first_run_ms: float
    provider: str
    device: str
    threads: int
    batch: int
    precision: str
    graph_level: str
    warmup: dict[str, float]
    reference_drift: float
    drift_flagged: bool
    relative_to_reference: float
    reference_ms: float
    block_medians_ms: tuple[float, ...]
    end_to_end_ms: float | None = None
    other_providers: dict[str, float] = field(default_factory=dict)
    how: str = "measured"
    versions: dict[str, str] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON-ready values."""
        values = asdict(self)
        for name in ("ci95_ms", "block_medians_ms"):
            values[name] = list(values[name])
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LatencyRecord:
        """The record that `to_dict` wrote."""
        low, high = values["ci95_ms"]
        blocks = tuple(values["block_medians_ms"])
        return cls(**{**values, "ci95_ms": (low, high), "block_medians_ms": blocks})
