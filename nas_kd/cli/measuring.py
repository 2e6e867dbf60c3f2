"""What ``nas-kd measure`` was asked for, and the documents that answer it.

One model in one setting gives ``nas-kd.measure/1``, several give ``nas-kd.measure-rows/1`` with one
row for each, and a comparison gives ``nas-kd.compare/1`` with one row for each setting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.cli.console import note
from nas_kd.errors import UsageError
from nas_kd.machine_lock import machine_alone

if TYPE_CHECKING:
    from nas_kd.cli.targets import Target
    from nas_kd.costs import Budget, DeviceProfile, LatencyRecord

ONE = "nas-kd.measure/1"
SEVERAL = "nas-kd.measure-rows/1"
COMPARISON = "nas-kd.compare/1"
_SETTING = ("device", "threads", "batch")
"""Parts of a row that the latency of a single record holds anyway."""
_PRECISIONS = {"fp32": "float32", "int8": "int8", "fp16": "float16"}
"""What a budget may ask for, as records name it."""


@dataclass(frozen=True)
class Request:
    """What to measure, where, and against which limits."""

    models: tuple[str, ...]
    profiles: tuple[DeviceProfile, ...]
    budget: Budget
    compare: bool
    fresh: bool


def read_request(
    models: Sequence[str],
    devices: Sequence[str] | None,
    threads: Sequence[str] | None,
    batches: Sequence[int] | None,
    *,
    compare: bool,
    budget: Sequence[str] | None,
    fresh: bool,
) -> Request:
    """Checks everything that can be checked before a model is loaded.

    A device named by the budget alone (``latency=5ms@cpu-2t``) is the one measured.

    Raises:
        DeviceUnavailableError: A device asked for does not run here.
        UsageError: The options contradict each other.
    """
    from nas_kd.cli.device_options import device_profiles
    from nas_kd.costs import Budget, require_provider

    limits = Budget.parse(budget or [])
    named = limits.profile
    if named is not None and not (devices or threads or batches):
        require_provider(named)
        profiles = [named]
    else:
        profiles = device_profiles(devices or ["cpu"], threads or ["1"], batches or [1])
    limits.limits({})
    if named is not None and not any(_same_setting(named, profile) for profile in profiles):
        raise UsageError(
            f"budget: the latency limit is for {named}, which would not be measured. Leave out "
            "--device, --threads and --batch, or let them name it."
        )
    if compare and (len(models) != 2 or limits.entries):
        raise UsageError("measure: --compare takes exactly two models and no --budget.")
    return Request(tuple(models), tuple(profiles), limits, compare, fresh)


def answer(request: Request, workspace: Path) -> dict[str, Any]:
    """Measures, and returns the document; files that have to be made go to ``workspace``."""
    targets = [_target(model, workspace / str(i)) for i, model in enumerate(request.models)]
    _require_precision(request.budget, targets)
    if request.compare:
        return {"schema": COMPARISON, "rows": [_compare(targets, p) for p in request.profiles]}
    rows = [row for profile in request.profiles for row in _rows(targets, profile, request)]
    if len(rows) > 1:
        return {"schema": SEVERAL, "rows": rows}
    (row,) = rows
    return {"schema": ONE, **{name: part for name, part in row.items() if name not in _SETTING}}


def _target(model: str, folder: Path) -> Target:
    from nas_kd.cli.targets import find_target

    folder.mkdir()
    return find_target(model, folder)


def _require_precision(budget: Budget, targets: Sequence[Target]) -> None:
    """A limit for one precision says nothing about a file in another."""
    from nas_kd.costs.onnx_models import onnx_precision

    named = budget.precision
    if named is None:
        return
    option = "without --int8 or --fp16" if named == "fp32" else f"with --{named}"
    for target in targets:
        found = onnx_precision(target.onnx)
        if found != _PRECISIONS[named]:
            raise UsageError(
                f"budget: the latency limit is for {named}, and {target.name} computes in {found}. "
                f"Measure the file that nas-kd export wrote {option}."
            )


def _rows(
    targets: Sequence[Target], profile: DeviceProfile, request: Request
) -> list[dict[str, Any]]:
    note(f"Measuring {', '.join(t.name for t in targets)} on {profile} ({profile.provider}) ...")
    records = _measure([target.onnx for target in targets], profile, request.fresh)
    rows = []
    for target, record in zip(targets, records, strict=True):
        row = {**_counts(target), **_setting(profile), "latency_ms": record.to_document()}
        if request.budget.entries:
            row["budget"] = _verdict(request.budget, target, record, profile)
        rows.append(row)
    return rows


def _measure(files: list[Path], profile: DeviceProfile, fresh: bool) -> list[LatencyRecord]:
    from nas_kd.costs import measure_latency, measure_many
    from nas_kd.costs.latency_cache import LatencyCache, latency_folder

    cache = LatencyCache(latency_folder(), fresh=fresh)
    if len(files) == 1:
        return [measure_latency(files[0], profile, cache=cache, alone=machine_alone)]
    return measure_many(files, profile, cache=cache, alone=machine_alone)


def _compare(targets: Sequence[Target], profile: DeviceProfile) -> dict[str, Any]:
    from nas_kd.costs.latency_comparison import compare_latency

    first, second = targets
    note(f"Comparing {first.name} with {second.name} on {profile} ({profile.provider}) ...")
    with machine_alone():
        comparison = compare_latency(first.onnx, second.onnx, profile)
    faster = None
    if comparison.different:
        faster = first.name if comparison.ratio > 1 else second.name
    return {
        **_setting(profile),
        "first": {**_counts(first), "latency_ms": comparison.first.to_document()},
        "second": {**_counts(second), "latency_ms": comparison.second.to_document()},
        "ratio": comparison.ratio,
        "ratio_ci95": list(comparison.ratio_ci95),
        "ratios": list(comparison.ratios),
        "excludes_1": comparison.different,
        "faster": faster,
    }


def _counts(target: Target) -> dict[str, Any]:
    return {
        "model": target.name,
        "macs": target.counts.macs,
        "params": target.counts.params,
        "unsupported_operators": dict(target.counts.unsupported),
        "unsupported_share": target.counts.unsupported_share,
    }


def _setting(profile: DeviceProfile) -> dict[str, Any]:
    return {name: getattr(profile, name) for name in _SETTING}


def _same_setting(one: DeviceProfile, other: DeviceProfile) -> bool:
    return _setting(one) == _setting(other)


def _verdict(
    budget: Budget, target: Target, record: LatencyRecord, profile: DeviceProfile
) -> dict[str, Any]:
    """Whether the limits hold; a latency holds when its interval's upper end does."""
    costs = {"macs": float(target.counts.macs), "params": float(target.counts.params)}
    if budget.profile is None or _same_setting(budget.profile, profile):
        costs["latency_ms"] = record.ci95_ms[1]
    limits = budget.limits({})
    violations = limits.violations(costs)
    return {
        "limits": {name: limit for name, limit in limits.values.items() if name in violations},
        "violations": violations,
        "met": all(excess <= 0 for excess in violations.values()),
    }
