"""Latency of ONNX files, measured by ONNX Runtime in fresh processes.

The protocol: sequential sessions in child processes that do nothing else; warm-up by time and by
count; blocks of runs, the files of a round in random order, and a fixed reference model before and
after every 20 ms of a block. Runs count from which the processor was not taken away, and beside
which the reference was as fast as in its fastest moments, so that other work on the machine does
not lengthen a latency. What is left out is reported and repeated, and flagged where too little
remains.

On the CPU every model is measured in at least three processes, because where a process's memory
happens to lie moves all of its runs together; on a GPU one process takes all rounds. It stops when
the 95 % interval of every median is narrow enough. Nothing is reported when the execution provider
in use is not the one asked for, and a measurement that others disturbed says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.costs.environment import device_name, environment, package_versions
from nas_kd.costs.latency_samples import Kept, Samples, figures, half_width, keep_steady
from nas_kd.costs.measuring_process import ask_child
from nas_kd.costs.onnx_models import onnx_precision
from nas_kd.costs.profile import DeviceProfile, require_provider
from nas_kd.costs.records import LatencyRecord
from nas_kd.costs.sampling import Plan, Sampled, take_samples
from nas_kd.errors import UsageError

if TYPE_CHECKING:
    from nas_kd.costs.latency_cache import LatencyCache

PROTOCOL = 2
"""Raised with every change that makes figures differ from earlier ones."""
MAX_DRIFT = 0.1
"""Largest deviation of the reference from its fastest decile beside runs that count. The decile
lies some 3 % below the median of a quiet machine, and a busy neighbour costs 30 % or more."""
MAX_OTHERS = 0.2
"""Largest share of the machine's CPU time that others may use before a measurement is flagged."""
WARMUP_SECONDS = 0.2
WARMUP_RUNS = 10
MIN_PROCESSES = 3
GPU_BLOCKS = 3
BLOCKS_PER_PROCESS = 2
BLOCK_RUNS = 100
BLOCK_SECONDS = 0.5
SLICE_SECONDS = 0.02
REFERENCE_RUNS = 5
_SLICES = 5
"""A short block is cut into so many slices."""


def measure_latency(
    onnx_file: Path,
    profile: DeviceProfile,
    *,
    target_ci: float = 0.02,
    max_seconds: float = 10.0,
    cache: LatencyCache | None = None,
    alone: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> LatencyRecord:
    """Measures one file in processes of its own.

    Args:
        onnx_file: The model; only its batch may be dynamic.
        profile: Device, threads and batch.
        target_ci: Half-width of the median's 95 % interval, as a share of the median, at which
            measuring stops.
        max_seconds: No further process begins after so many seconds of measuring, but at most
            three to make up for a single disturbed one; a machine that never settles is flagged.
        cache: Where earlier measurements are found and this one is kept.
        alone: Entered to measure, and not where the cache knows the latency.

    Raises:
        DeviceUnavailableError: The provider asked for is missing, or not the one in use.
        UsageError: The file is missing, no model, or needs other inputs.
    """
    (record,) = measure_many(
        [onnx_file],
        profile,
        target_ci=target_ci,
        max_seconds=max_seconds,
        cache=cache,
        alone=alone,
    )
    return record


def measure_many(
    files: Sequence[Path],
    profile: DeviceProfile,
    *,
    target_ci: float = 0.02,
    max_seconds: float = 5.0,
    cache: LatencyCache | None = None,
    alone: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> list[LatencyRecord]:
    """Measures several files in the same fresh processes, their blocks interleaved.

    A slow moment of the machine so hits all of them alike, and ratios between their medians can be
    trusted more than those of separate measurements.

    Args:
        files: The models, in the order of the records returned.
        profile: Device, threads and batch.
        target_ci: As in `measure_latency`, for every file.
        max_seconds: As in `measure_latency`, per file.
        cache: Where earlier measurements are found and new ones are kept. A record that comes from
            there says so.
        alone: As in `measure_latency`, once for all files.

    Raises:
        DeviceUnavailableError: The provider asked for is missing, or not the one in use.
        UsageError: A file is missing, no model, or needs other inputs.
    """
    if not (target_ci > 0 and max_seconds > 0):
        raise UsageError(
            f"latency: target_ci ({target_ci}) and max_seconds ({max_seconds}) must be above zero."
        )
    paths = [Path(file) for file in files]
    precisions = [onnx_precision(path) for path in paths]
    if not paths:
        return []
    require_provider(profile)
    if cache is None:
        with alone():
            return _measure(paths, precisions, profile, target_ci, max_seconds)
    speed = cache.reference_speed(profile)
    settings = {"protocol": PROTOCOL, "target_ci": target_ci, "max_seconds": max_seconds}
    keys = cache.keys(paths, profile, settings)
    found = {i: record for i, key in enumerate(keys) if (record := cache.get(key)) is not None}
    missing = [i for i in range(len(paths)) if i not in found]
    if missing:
        with alone():
            measured = _measure(
                [paths[i] for i in missing],
                [precisions[i] for i in missing],
                profile,
                target_ci,
                max_seconds,
            )
        speed.learn(measured)
        for i, record in zip(missing, measured, strict=True):
            cache.put(keys[i], record)
            found[i] = record
    return [speed.normalise(found[i]) for i in range(len(paths))]


def probe_provider(profile: DeviceProfile) -> None:
    """Opens the reference model on the profile's provider, in a child process.

    Raises:
        DeviceUnavailableError: The provider does not start here.
    """
    ask_child(profile, [], {"max_seconds": 10.0})


def make_plan(profile: DeviceProfile, count: int, target_ci: float, max_seconds: float) -> Plan:
    """The protocol for ``count`` models; times as in `measure_latency`, per model."""
    on_cpu = profile.device == "cpu"
    processes, blocks = (MIN_PROCESSES, BLOCKS_PER_PROCESS) if on_cpu else (1, GPU_BLOCKS)
    seconds = max_seconds / processes
    block_seconds = min(BLOCK_SECONDS, seconds / blocks)
    schedule = {
        "target_ci": target_ci,
        "max_seconds": seconds,
        "warmup_seconds": WARMUP_SECONDS,
        "warmup_runs": WARMUP_RUNS,
        "min_blocks": blocks,
        "max_blocks": blocks if on_cpu else 1_000_000,
        "block_runs": BLOCK_RUNS,
        "block_seconds": block_seconds,
        "slice_seconds": min(SLICE_SECONDS, block_seconds / _SLICES),
        "reference_runs": REFERENCE_RUNS,
        "max_drift": MAX_DRIFT,
        "together": False,
    }
    return Plan(schedule, processes, 1_000_000 if on_cpu else 1, max_seconds * count)


def steady(samples: Sequence[Samples], plan: Plan) -> list[Kept]:
    """The slices of every model that count."""
    return keep_steady(samples, max_drift=MAX_DRIFT, min_processes=min(2, plan.fewest))


def make_records(
    sampled: Sampled, precisions: Sequence[str], profile: DeviceProfile, plan: Plan
) -> list[LatencyRecord]:
    """One record per model that was sampled."""
    common = _circumstances(sampled, profile)
    records = []
    for samples, kept, precision in zip(
        sampled.samples, steady(sampled.samples, plan), precisions, strict=True
    ):
        flags = {
            "drift": kept.drifted,
            "busy": sampled.load.get("others", 0.0) > MAX_OTHERS,
            "wide": half_width(kept) > plan.schedule["target_ci"],
        }
        records.append(
            LatencyRecord(
                precision=precision,
                flags=tuple(name for name, raised in flags.items() if raised),
                **figures(samples, kept),
                **common,
            )
        )
    return records


def _measure(
    files: Sequence[Path],
    precisions: Sequence[str],
    profile: DeviceProfile,
    target_ci: float,
    max_seconds: float,
) -> list[LatencyRecord]:
    plan = make_plan(profile, len(files), target_ci, max_seconds)

    def lacking(samples: Sequence[Samples]) -> list[int]:
        return [
            i
            for i, kept in enumerate(steady(samples, plan))
            if kept.processes < plan.fewest and not kept.drifted
        ]

    def unsettled(samples: Sequence[Samples]) -> list[int]:
        return [
            i
            for i, kept in enumerate(steady(samples, plan))
            if kept.processes < plan.fewest or half_width(kept) > target_ci
        ]

    sampled = take_samples(files, profile, plan, unsettled, lacking)
    return make_records(sampled, precisions, profile, plan)


def _circumstances(sampled: Sampled, profile: DeviceProfile) -> dict[str, Any]:
    """What the records of one measurement share."""
    facts = environment(profile)
    facts["session"] = {
        "execution_mode": "sequential",
        "inter_op_threads": 1,
        "spinning": True,
        "provider_options": sampled.session["provider_options"],
    }
    return {
        "provider": sampled.session["provider"],
        "device": device_name(profile),
        "threads": profile.threads,
        "batch": profile.batch,
        "graph_level": sampled.session["graph_level"],
        "warmup": {"seconds": WARMUP_SECONDS, "runs": WARMUP_RUNS},
        "load": sampled.load,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": package_versions(),
        "environment": facts,
    }
