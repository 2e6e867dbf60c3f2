"""Which of two models is faster: timed alternately in the same processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nas_kd.costs.latency import make_plan, make_records, steady
from nas_kd.costs.latency_samples import Samples, relatives
from nas_kd.costs.onnx_models import onnx_precision
from nas_kd.costs.profile import DeviceProfile, require_provider
from nas_kd.costs.records import LatencyRecord
from nas_kd.costs.sampling import Plan, take_samples
from nas_kd.costs.statistics import interval_over_processes, relative_half_width
from nas_kd.errors import UsageError

_GROUPS = 5
_BLOCKS_PER_PROCESS = 4
_BLOCK_SECONDS = 0.15
_BLOCK_RUNS = 30


@dataclass(frozen=True)
class LatencyComparison:
    """Two models timed in turns.

    Attributes:
        first: Record of the first model.
        second: Record of the second.
        ratio: Time of the second in units of the first's, both relative to the reference model
            beside them: the geometric mean over the processes.
        ratio_ci95: Its 95 % interval, which covers what another process would find.
        ratios: The ratio in every process; on a GPU, in every block of the one process.
    """

    first: LatencyRecord
    second: LatencyRecord
    ratio: float
    ratio_ci95: tuple[float, float]
    ratios: tuple[float, ...]

    @property
    def different(self) -> bool:
        """Whether the interval leaves out 1; one process alone has no interval and says nothing."""
        low, high = self.ratio_ci95
        return len(self.ratios) > 1 and (low > 1.0 or high < 1.0)


def compare_latency(
    first: Path,
    second: Path,
    profile: DeviceProfile,
    *,
    target_ci: float = 0.01,
    max_seconds: float = 30.0,
) -> LatencyComparison:
    """Times two files in turns, block by block, in at least five fresh processes.

    Args:
        first: An ONNX file.
        second: Another one.
        profile: Device, threads and batch.
        target_ci: Half-width of the ratio's 95 % interval, as a share of the ratio, at which
            measuring stops.
        max_seconds: No further process begins after so many seconds.

    Raises:
        DeviceUnavailableError: The provider asked for is missing, or not the one in use.
        UsageError: A file is missing, no model, or needs other inputs.
    """
    if not (target_ci > 0 and max_seconds > 0):
        raise UsageError(
            f"compare: target_ci ({target_ci}) and max_seconds ({max_seconds}) must be above zero."
        )
    files = [Path(first), Path(second)]
    precisions = [onnx_precision(file) for file in files]
    require_provider(profile)
    plan = _plan(profile, target_ci, max_seconds)

    def unsettled(samples: Sequence[Samples]) -> list[int]:
        ratio, interval, ratios = _ratio(samples, plan)
        settled = len(ratios) > 1 and relative_half_width(interval, ratio) <= target_ci
        return [] if settled else [0, 1]

    sampled = take_samples(files, profile, plan, unsettled)
    ratio, interval, ratios = _ratio(sampled.samples, plan)
    before, after = make_records(sampled, precisions, profile, plan)
    return LatencyComparison(before, after, ratio, interval, tuple(ratios))


def _plan(profile: DeviceProfile, target_ci: float, max_seconds: float) -> Plan:
    """The usual protocol with more processes and shorter blocks, always in pairs."""
    usual = make_plan(profile, 1, target_ci, max_seconds)
    on_cpu = profile.device == "cpu"
    processes = _GROUPS if on_cpu else 1
    blocks = _BLOCKS_PER_PROCESS if on_cpu else 2 * _GROUPS
    seconds = max_seconds / processes / 2
    schedule = {
        **usual.schedule,
        "max_seconds": seconds,
        "min_blocks": blocks,
        "max_blocks": blocks if on_cpu else usual.schedule["max_blocks"],
        "block_runs": _BLOCK_RUNS,
        "block_seconds": min(_BLOCK_SECONDS, seconds / blocks),
        "together": True,
    }
    return replace(usual, schedule=schedule, fewest=processes)


def _ratio(
    samples: Sequence[Samples], plan: Plan
) -> tuple[float, tuple[float, float], list[float]]:
    """The ratio, its interval, and the ratio in every process (on a GPU: in every block)."""
    group = "process" if plan.fewest > 1 else "block"
    first, second = (
        {getattr(g[0], group): relatives([g])[0] for g in kept.by(group)}
        for kept in steady(samples, plan)
    )
    ratios = [second[i] / first[i] for i in first if i in second]
    ratio = float(np.exp(np.mean(np.log(ratios))))
    return ratio, interval_over_processes(ratios, (ratio, ratio)), ratios
