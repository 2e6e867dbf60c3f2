"""Spreading a measurement over fresh processes until it is good enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas_kd.costs.latency_samples import Samples
from nas_kd.costs.load import LoadMeter
from nas_kd.costs.measuring_process import ask_child
from nas_kd.costs.profile import DeviceProfile


@dataclass(frozen=True)
class Plan:
    """How a measurement is spread.

    Attributes:
        schedule: What happens inside one process (`nas_kd.costs._latency_child.Schedule`).
        fewest: Processes in which every model is measured at least.
        most: Processes at most.
        seconds: No further process begins after so many seconds, the first ``fewest`` excepted,
            and those that a disturbed model lacks.
    """

    schedule: Mapping[str, Any]
    fewest: int
    most: int
    seconds: float


@dataclass(frozen=True)
class Sampled:
    """All runs, and what they ran on.

    Attributes:
        samples: One entry per model.
        session: ``provider``, ``graph_level`` and ``provider_options`` in use.
        load: What `LoadMeter` reports of the time in which was measured.
    """

    samples: list[Samples]
    session: dict[str, Any]
    load: dict[str, Any]


def take_samples(
    files: Sequence[Path],
    profile: DeviceProfile,
    plan: Plan,
    still_open: Callable[[Sequence[Samples]], list[int]],
    lacking: Callable[[Sequence[Samples]], list[int]] | None = None,
) -> Sampled:
    """Measures ``files`` process by process.

    Args:
        files: At least one ONNX file.
        profile: Device, threads and batch.
        plan: How long.
        still_open: Given the samples so far, the positions of the models to measure once more.
        lacking: Likewise, of those to measure once more even when the time is up, in at most
            ``plan.fewest`` processes more: they have too little that counts.

    Raises:
        DeviceUnavailableError: The provider asked for is missing, or not the one in use.
        UsageError: A file is no model or needs other inputs.
    """
    samples = [Samples() for _ in files]
    meter = LoadMeter()
    start = time.monotonic()
    own_seconds = 0.0
    turn = 0
    positions = list(range(len(files)))
    while True:
        answer = ask_child(profile, [files[i] for i in positions], plan.schedule, seed=turn)
        turn += 1
        own_seconds += answer["cpu_seconds"]
        for position, model in zip(positions, answer["models"], strict=True):
            samples[position].add(model)
        if turn >= plan.most:
            break
        if turn >= plan.fewest:
            late = time.monotonic() - start >= plan.seconds
            if late and (lacking is None or turn >= 2 * plan.fewest):
                break
            positions = lacking(samples) if late and lacking else still_open(samples)
            if not positions:
                break
    session = {name: answer[name] for name in ("provider", "graph_level", "provider_options")}
    return Sampled(samples, session, meter.report(own_seconds))
