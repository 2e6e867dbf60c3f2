"""Latency of ONNX files, measured by ONNX Runtime in a fresh process.

The protocol: one child process with one sequential session per file; warm-up by time and by count;
blocks of runs in at least three rounds, the files of a round in random order, and a fixed reference
model before every block; a block whose reference moved by more than 5 % is repeated; it stops when
the order-statistic 95 % interval of every median is narrow enough. Nothing is reported when the
execution provider in use is not the one asked for.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import nas_kd
from nas_kd.costs.environment import device_name, environment, package_versions
from nas_kd.costs.onnx_models import onnx_precision, write_reference_model
from nas_kd.costs.profile import DeviceProfile, require_provider
from nas_kd.costs.records import LatencyRecord
from nas_kd.costs.statistics import drift, steady_blocks, summarise
from nas_kd.errors import DeviceUnavailableError, NasKdError, UsageError

MAX_DRIFT = 0.05
"""Largest relative movement of the reference in a block that is kept."""
WARMUP_SECONDS = 0.2
WARMUP_RUNS = 10
MIN_BLOCKS = 3
BLOCK_RUNS = 100
BLOCK_SECONDS = 0.5
REFERENCE_RUNS = 20
REFERENCE_SECONDS = 0.05
_NS_PER_MS = 1e6
_ERRORS = {"usage": UsageError, "device": DeviceUnavailableError}


def measure_latency(
    onnx_file: Path,
    profile: DeviceProfile,
    *,
    target_ci: float = 0.02,
    max_seconds: float = 10.0,
) -> LatencyRecord:
    """Measures one file in a process of its own.

    Args:
        onnx_file: The model; only its batch may be dynamic.
        profile: Device, threads and batch.
        target_ci: Half-width of the median's 95 % interval, as a share of the median, at which
            measuring stops.
        max_seconds: No further round begins after so many seconds of measuring.

    Raises:
        DeviceUnavailableError: The provider asked for is missing, or not the one in use.
        UsageError: The file is missing, no model, or needs other inputs.
    """
    (record,) = measure_many([onnx_file], profile, target_ci=target_ci, max_seconds=max_seconds)
    return record


def measure_many(
    files: Sequence[Path],
    profile: DeviceProfile,
    *,
    target_ci: float = 0.02,
    max_seconds: float = 5.0,
) -> list[LatencyRecord]:
    """Measures several files in one fresh process, their blocks interleaved.

    A slow moment of the machine so hits all of them alike, and ratios between their medians can be
    trusted more than those of separate measurements.

    Args:
        files: The models, in the order of the records returned.
        profile: Device, threads and batch.
        target_ci: As in `measure_latency`, for every file.
        max_seconds: As in `measure_latency`, per file.

    Raises:
        DeviceUnavailableError: The provider asked for is missing, or not the one in use.
        UsageError: A file is missing, no model, or needs other inputs.
    """
    if not (target_ci > 0 and max_seconds > 0):
        raise UsageError(
            f"latency: target_ci ({target_ci}) and max_seconds ({max_seconds}) must be above zero."
        )
    precisions = [onnx_precision(Path(file)) for file in files]
    if not files:
        return []
    require_provider(profile)
    facts = environment(profile)
    schedule = _schedule(target_ci, max_seconds)
    answer = _ask_child(profile, files, schedule)
    facts["session"] = {
        "execution_mode": "sequential",
        "inter_op_threads": 1,
        "spinning": True,
        "provider_options": answer["provider_options"],
    }
    common = {
        "provider": answer["provider"],
        "device": device_name(profile),
        "threads": profile.threads,
        "batch": profile.batch,
        "graph_level": answer["graph_level"],
        "warmup": {"seconds": WARMUP_SECONDS, "runs": WARMUP_RUNS},
        "versions": package_versions(),
        "environment": facts,
    }
    models = answer["models"]
    everything = [block["reference_ns"] for model in models for block in model["blocks"]]
    return [
        LatencyRecord(precision=precision, **_figures(model, everything), **common)
        for model, precision in zip(models, precisions, strict=True)
    ]


def probe_provider(profile: DeviceProfile) -> None:
    """Opens the reference model on the profile's provider, in a child process.

    Raises:
        DeviceUnavailableError: The provider does not start here.
    """
    _ask_child(profile, [], {"max_seconds": 10.0})


def _schedule(target_ci: float, max_seconds: float) -> dict[str, float]:
    return {
        "target_ci": target_ci,
        "max_seconds": max_seconds,
        "warmup_seconds": WARMUP_SECONDS,
        "warmup_runs": WARMUP_RUNS,
        "min_blocks": MIN_BLOCKS,
        "block_runs": BLOCK_RUNS,
        "block_seconds": min(BLOCK_SECONDS, max_seconds / MIN_BLOCKS),
        "reference_runs": REFERENCE_RUNS,
        "reference_seconds": REFERENCE_SECONDS,
        "max_drift": MAX_DRIFT,
    }


def _figures(model: Mapping[str, Any], everything: Sequence[Sequence[int]]) -> dict[str, Any]:
    """The record's figures from one model's blocks."""
    runs = [block["runs_ns"] for block in model["blocks"]]
    references = [block["reference_ns"] for block in model["blocks"]]
    kept = steady_blocks(references, everything, MAX_DRIFT)
    flagged = len(kept) < MIN_BLOCKS
    if flagged:
        kept = list(range(len(runs)))
    moved = drift(references, everything)
    medians = [float(np.median(runs[i])) for i in kept]
    usual = [float(np.median(references[i])) for i in kept]
    summary = summarise(np.concatenate([runs[i] for i in kept]))
    end_to_end = model["end_to_end_ns"]
    return {
        "median_ms": summary.median / _NS_PER_MS,
        "p90_ms": summary.p90 / _NS_PER_MS,
        "p99_ms": summary.p99 / _NS_PER_MS,
        "mad_ms": summary.mad / _NS_PER_MS,
        "ci95_ms": (summary.ci95[0] / _NS_PER_MS, summary.ci95[1] / _NS_PER_MS),
        "n": summary.n,
        "first_run_ms": model["first_run_ns"] / _NS_PER_MS,
        "reference_drift": max(moved[i] for i in kept),
        "drift_flagged": flagged,
        "relative_to_reference": float(np.median(np.divide(medians, usual))),
        "reference_ms": float(np.median(usual)) / _NS_PER_MS,
        "block_medians_ms": tuple(median / _NS_PER_MS for median in medians),
        "end_to_end_ms": float(np.median(end_to_end)) / _NS_PER_MS if end_to_end else None,
        "other_providers": model["other_providers"],
    }


def _ask_child(
    profile: DeviceProfile, files: Sequence[Path], schedule: dict[str, float]
) -> dict[str, Any]:
    """Runs the measuring process and returns its answer; its refusals are raised."""
    with TemporaryDirectory(prefix="nas-kd-") as folder:
        request = {
            "files": [str(Path(file).resolve()) for file in files],
            "reference": str(write_reference_model(Path(folder) / "reference.onnx")),
            "provider": profile.provider,
            "threads": profile.threads,
            "batch": profile.batch,
            "schedule": schedule,
        }
        limit = 120.0 + len(files) * (30.0 + 4.0 * schedule["max_seconds"])
        try:
            child = subprocess.run(
                [sys.executable, "-P", "-m", "nas_kd.costs._latency_child"],
                input=json.dumps(request),
                capture_output=True,
                text=True,
                timeout=limit,
                env=_child_environment(),
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise NasKdError(
                f"latency: the measuring process did not end within {limit:.0f} s. The model may "
                "be far too large for this device; measure a smaller one."
            ) from error
    return _read_answer(child)


def _child_environment() -> dict[str, str]:
    """This process's environment, with the package importable from any working directory."""
    root = str(Path(nas_kd.__file__).resolve().parents[1])
    path = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


def _read_answer(child: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(child.stdout)
    except json.JSONDecodeError as error:
        last = (child.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise NasKdError(
            f"latency: the measuring process ended with code {child.returncode} ({last}). Try "
            "again; if it happens again, check the onnxruntime package with: nas-kd doctor."
        ) from error
    if "error" in answer:
        kind, message = answer["error"]["kind"], answer["error"]["message"]
        raise _ERRORS.get(kind, NasKdError)(message)
    return answer
