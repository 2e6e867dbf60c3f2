"""The process that measures: reads a JSON request from stdin, writes a JSON answer to stdout.

``python -m nas_kd.costs._latency_child``. Nothing but ONNX Runtime and numpy is imported, so that
the process starts fast and shares no threads or memory with training.

Request: ``files``, ``reference`` (paths), ``provider``, ``threads``, ``batch`` and the settings of
`Schedule`. Answer: ``models``, one per file with ``first_run_ns``, ``blocks`` (each ``runs_ns`` and
the ``reference_ns`` before it), ``end_to_end_ns``; or ``error`` with ``kind`` and ``message``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any

import numpy as np

from nas_kd.costs._latency_session import (
    GRAPH_LEVEL,
    PROVIDER_OPTIONS,
    RefusedError,
    TimedModel,
)
from nas_kd.costs.messages import first_line
from nas_kd.costs.statistics import steady_blocks, summarise

_NS = 1e9
_SETTLING_RUNS = 3
"""Untimed runs at the start of a block: the caches still hold the previous model."""


@dataclass(frozen=True)
class Schedule:
    """How long is measured. Times are in seconds."""

    target_ci: float
    max_seconds: float
    warmup_seconds: float
    warmup_runs: int
    min_blocks: int
    block_runs: int
    block_seconds: float
    reference_runs: int
    reference_seconds: float
    max_drift: float


@dataclass
class Measured:
    """A model and its blocks so far."""

    model: TimedModel
    first_run_ns: int = 0
    end_to_end_ns: list[int] = field(default_factory=list)
    blocks: list[list[int]] = field(default_factory=list)
    reference_blocks: list[list[int]] = field(default_factory=list)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        answer = respond(json.load(sys.stdin))
    except RefusedError as refusal:
        answer = {"error": {"kind": refusal.kind, "message": str(refusal)}}
    except Exception as error:
        message = f"latency: the model failed while it was measured ({first_line(error)})."
        answer = {"error": {"kind": "failure", "message": message}}
    json.dump(answer, answers)
    answers.close()


def respond(request: dict[str, Any]) -> dict[str, Any]:
    """Opens every model, checks the provider in use, measures."""
    provider, threads = request["provider"], request["threads"]
    reference = TimedModel(request["reference"], provider, threads, None)
    models = [
        Measured(TimedModel(path, provider, threads, request["batch"])) for path in request["files"]
    ]
    if models:
        measure(models, reference, Schedule(**request["schedule"]))
    return {
        "provider": reference.provider_in_use,
        "graph_level": GRAPH_LEVEL,
        "provider_options": PROVIDER_OPTIONS.get(provider, {}),
        "models": [_report(measured) for measured in models],
    }


def measure(models: list[Measured], reference: TimedModel, schedule: Schedule) -> None:
    """Warms up, then times blocks in rounds until every model's interval is narrow enough.

    A round visits the unsettled models in random order; before every block the reference is timed.
    At most ``max_seconds`` per model are spent on rounds, the first ``min_blocks`` excepted.
    """
    _warm_up(reference.run, schedule)
    for measured in models:
        measured.first_run_ns = measured.model.run()
        _warm_up(measured.model.run, schedule)
    generator = np.random.default_rng(0)
    start = perf_counter_ns()
    rounds = 0
    open_models = list(models)
    while open_models:
        for index in generator.permutation(len(open_models)):
            _time_block(open_models[index], reference, schedule)
        rounds += 1
        spent = (perf_counter_ns() - start) / _NS
        if rounds >= schedule.min_blocks and spent >= schedule.max_seconds * len(models):
            break
        open_models = [measured for measured in models if not _settled(measured, models, schedule)]
    for measured in models:
        if measured.model.provider != "CPUExecutionProvider":
            measured.end_to_end_ns = _runs(
                measured.model.run_end_to_end, schedule.block_runs, 0.0, schedule.block_seconds
            )


def _time_block(measured: Measured, reference: TimedModel, schedule: Schedule) -> None:
    cap = schedule.max_seconds / schedule.min_blocks
    for _ in range(_SETTLING_RUNS):
        reference.run()
    measured.reference_blocks.append(
        _runs(reference.run, schedule.reference_runs, schedule.reference_seconds, cap)
    )
    settling_end = perf_counter_ns() + cap * _NS / 4
    for _ in range(_SETTLING_RUNS):
        measured.model.run()
        if perf_counter_ns() > settling_end:
            break
    measured.blocks.append(
        _runs(measured.model.run, schedule.block_runs, schedule.block_seconds, cap)
    )


def _settled(measured: Measured, models: list[Measured], schedule: Schedule) -> bool:
    everything = [block for other in models for block in other.reference_blocks]
    kept = steady_blocks(measured.reference_blocks, everything, schedule.max_drift)
    if len(kept) < schedule.min_blocks:
        return False
    pooled = np.concatenate([measured.blocks[index] for index in kept])
    return summarise(pooled).relative_half_width <= schedule.target_ci


def _warm_up(run: Callable[[], int], schedule: Schedule) -> None:
    _runs(run, schedule.warmup_runs, schedule.warmup_seconds, schedule.max_seconds)


def _runs(run: Callable[[], int], at_least: int, seconds: float, cap: float) -> list[int]:
    """Nanoseconds of ``at_least`` runs over at least ``seconds``, broken off after ``cap``."""
    times: list[int] = []
    start = perf_counter_ns()
    while True:
        times.append(run())
        elapsed = (perf_counter_ns() - start) / _NS
        if elapsed >= cap or (len(times) >= at_least and elapsed >= seconds):
            return times


def _report(measured: Measured) -> dict[str, Any]:
    return {
        "first_run_ns": measured.first_run_ns,
        "end_to_end_ns": measured.end_to_end_ns,
        "other_providers": measured.model.other_providers,
        "blocks": [
            {"runs_ns": runs, "reference_ns": reference}
            for runs, reference in zip(measured.blocks, measured.reference_blocks, strict=True)
        ],
    }


if __name__ == "__main__":
    main()
