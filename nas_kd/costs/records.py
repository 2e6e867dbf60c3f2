"""What the cost meters return: values together with how they were obtained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

_DOUBTS = ("drift", "busy")


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
        unsupported_at_most: Operator to the most MACs that its calls can hold, for those of
            ``unsupported`` whose sizes are known.
    """

    macs: int
    params: int
    how: str = "counted"
    unsupported: dict[str, int] = field(default_factory=dict)
    by_operator: dict[str, int] = field(default_factory=dict)
    not_in_macs: dict[str, int] = field(default_factory=dict)
    unsupported_at_most: dict[str, int] = field(default_factory=dict)

    @property
    def unsupported_share(self) -> float | None:
        """The largest share of all MACs, in [0, 1], that ``unsupported`` can hold.

        None where one of its operators has no bound.
        """
        if self.unsupported.keys() - self.unsupported_at_most.keys():
            return None
        at_most = sum(self.unsupported_at_most.values())
        return at_most / (self.macs + at_most) if at_most else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True)
class LatencyRecord:
    """Measured latency of one ONNX file, with the evidence.

    On a GPU the times are compute times: inputs and outputs stay in device memory, and every run
    is synchronised.

    Attributes:
        median_ms: Median over the steady runs: those from which the processor was not taken away,
            and beside which the reference model was as fast as in its fastest decile.
        p90_ms: 90th percentile; of little meaning below 300 runs.
        p99_ms: 99th percentile; of little meaning below some thousand runs.
        mad_ms: Median absolute deviation from the median.
        ci95_ms: 95 % confidence interval of the median. With three processes or more it covers
            what another process would find on the same machine in the same state, else it is the
            order-statistic interval of the pooled runs. It does not cover differences between days.
        n: Number of runs behind these figures.
        first_run_ms: The first run of a process, before the warm-up (median over the processes); in
            no other figure.
        provider: ONNX Runtime execution provider in use.
        device: Name of the processor.
        threads: Intra-operator threads of the session.
        batch: Images per run.
        precision: ``float32``, ``float16``, ``bfloat16``, ``float64`` or ``int8``.
        graph_level: ONNX Runtime's graph optimisation level.
        warmup: ``seconds`` and ``runs`` of the warm-up.
        reference_drift: Largest relative deviation of the fixed reference model from its fastest
            decile, beside the runs that count (0.03 is 3 %).
        drift_flagged: The machine was too unsteady: steady runs are from too few processes, so the
            intervals are those of all runs. Also one of ``flags``.
        relative_to_reference: Median of this model's time in units of the reference's time beside
            it; moves least when the machine is slowed by other work.
        reference_ms: Median time of the reference model in the steady moments of the measurement.
        block_medians_ms: Median of every block's runs that count, in order of time; of all its runs
            where ``drift_flagged``.
        end_to_end_ms: Median including copies to and from the device; None on the CPU, where
            nothing is copied.
        other_providers: Share of kernel time on providers other than ``provider``.
        how: Always ``"measured"``.
        versions: Package to version.
        environment: System, cores, clocks and session settings.
        process_medians_ms: Median of every process's runs that count; of all its runs where
            ``drift_flagged``.
        steady_share: Share of the 20 ms slices in which the machine was steady.
        normalised_ms: ``relative_to_reference`` times ``usual_reference_ms``, or ``reference_ms``
            where that is not known: the latency at the usual speed of the machine. It is close to
            ``median_ms`` on a quiet machine; of two measurements it is the figure that agrees best.
        normalised_ci95_ms: Its interval, as that of the median.
        usual_reference_ms: Median of ``reference_ms`` over this device's undisturbed measurements
            so far; None where they are not kept.
        all_runs: ``median_ms``, ``p90_ms``, ``p99_ms`` and ``n`` of all runs, steady or not.
        load: Load averages before and after, and the share of the machine's CPU time that others
            used meanwhile.
        flags: Reasons for doubt: ``drift`` (see ``drift_flagged``), ``busy`` (others used much of
            the machine), ``slow`` (``reference_ms`` is 10 % above its usual value), ``wide`` (the
            interval is wider than was asked for).
        measured_at: When, in UTC, as ISO 8601.
        cached: The record was measured earlier and comes from a cache.
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
    process_medians_ms: tuple[float, ...] = ()
    steady_share: float = 1.0
    normalised_ms: float | None = None
    normalised_ci95_ms: tuple[float, float] | None = None
    usual_reference_ms: float | None = None
    all_runs: dict[str, Any] = field(default_factory=dict)
    load: dict[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    measured_at: str = ""
    cached: bool = False

    @property
    def doubts(self) -> tuple[str, ...]:
        """Those of ``flags`` that say that others disturbed the measurement."""
        return tuple(flag for flag in self.flags if flag in _DOUBTS)

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON-ready values."""
        values = asdict(self)
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}

    def to_document(self) -> dict[str, Any]:
        """The whole evidence, with ``median``, ``ci95`` and ``p90`` in milliseconds up front."""
        return {
            "median": self.median_ms,
            "ci95": list(self.ci95_ms),
            "p90": self.p90_ms,
            **self.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LatencyRecord:
        """The record that `to_dict` wrote."""
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        return cls(**fields)
