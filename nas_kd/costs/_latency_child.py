"""The process that measures: reads a JSON request from stdin, writes a JSON answer to stdout.

``python -m nas_kd.costs._latency_child``. Nothing but ONNX Runtime and numpy is imported, and onnx
for TensorRT, so that the process starts fast and shares no threads or memory with training.

Request: ``files``, ``reference`` (paths), ``provider``, ``threads``, ``batch``, ``seed`` (of the
order in which the files are visited) and the settings of `Schedule`. Answer: ``models``, one per
file with ``first_run_ns``, ``blocks`` and ``end_to_end_ns``; ``cpu_seconds`` of this process; or
``error`` with ``kind`` and ``message``. A block is a row of slices (`Block`): ``runs_ns`` holds the
run times of every slice, ``reference_ns`` those of the reference before the first, between, and
after the last.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from time import perf_counter_ns, process_time
from typing import Any

import numpy as np

from nas_kd.costs._latency_session import GRAPH_LEVEL, RefusedError, TimedModel
from nas_kd.costs.load import context_switches
from nas_kd.costs.statistics import deviation, fast_level, summarise
from nas_kd.errors import first_line

_NS = 1e9


@dataclass(frozen=True)
class Schedule:
    """How long is measured. Times are in seconds.

    ``together``: No model is left out of a round before all are settled, so that block i of one
    model and block i of another belong to the same moment.
    """

    target_ci: float
    max_seconds: float
    warmup_seconds: float
    warmup_runs: int
    min_blocks: int
    max_blocks: int
    block_runs: int
    block_seconds: float
    slice_seconds: float
    reference_runs: int
    max_drift: float
    together: bool


@dataclass
class Block:
    """Slices of runs, with the reference before, between and after them.

    ``interrupted`` says of every run whether the processor was taken away from it meanwhile.
    """

    runs_ns: list[list[int]] = field(default_factory=list)
    interrupted: list[list[bool]] = field(default_factory=list)
    reference_ns: list[list[int]] = field(default_factory=list)


@dataclass
class Measured:
    """A model and its blocks so far."""

    model: TimedModel
    first_run_ns: int = 0
    end_to_end_ns: list[int] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)


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
        measure(models, reference, Schedule(**request["schedule"]), request["seed"])
    return {
        "provider": reference.provider_in_use,
        "graph_level": GRAPH_LEVEL,
        "provider_options": reference.provider_options,
        "models": [_report(measured) for measured in models],
        "cpu_seconds": process_time(),
    }


def measure(models: list[Measured], reference: TimedModel, schedule: Schedule, seed: int) -> None:
    """Warms up, then times blocks in rounds until every model's interval is narrow enough.

    A round visits the unsettled models in random order.
    There are at most ``max_blocks`` rounds, and at most ``max_seconds`` per model are spent on
    them, the first ``min_blocks`` excepted.
    """
    _warm_up(reference.run, schedule)
    for measured in models:
        measured.first_run_ns = measured.model.run()
        _warm_up(measured.model.run, schedule)
    generator = np.random.default_rng(seed)
    start = perf_counter_ns()
    rounds = 0
    open_models = list(models)
    while open_models:
        for index in generator.permutation(len(open_models)):
            measured = open_models[index]
            measured.blocks.append(_time_block(measured.model, reference, schedule))
        rounds += 1
        spent = (perf_counter_ns() - start) / _NS
        if rounds >= schedule.min_blocks and spent >= schedule.max_seconds * len(models):
            break
        if rounds == schedule.max_blocks:
            break
        unsettled = [measured for measured in models if not _settled(measured, models, schedule)]
        open_models = models if unsettled and schedule.together else unsettled
    for measured in models:
        if measured.model.provider != "CPUExecutionProvider":
            measured.end_to_end_ns = _runs(
                measured.model.run_end_to_end, schedule.block_runs, 0.0, schedule.block_seconds
            )


def _time_block(model: TimedModel, reference: TimedModel, schedule: Schedule) -> Block:
    """At least ``block_runs`` runs and ``block_seconds``, in slices between the reference's.

    Other work on the machine comes and goes within milliseconds: only a reference that is timed as
    often tells in which state the machine was.
    """
    cap = schedule.max_seconds / schedule.min_blocks
    block = Block(reference_ns=[_time_reference(reference, schedule)])
    start = perf_counter_ns()
    runs = 0
    while True:
        times, interrupted = _time_slice(model, schedule.slice_seconds)
        block.runs_ns.append(times)
        block.interrupted.append(interrupted)
        block.reference_ns.append(_time_reference(reference, schedule))
        runs += len(times)
        elapsed = (perf_counter_ns() - start) / _NS
        if elapsed >= cap or (runs >= schedule.block_runs and elapsed >= schedule.block_seconds):
            return block


def _time_slice(model: TimedModel, seconds: float) -> tuple[list[int], list[bool]]:
    """Runs of ``seconds``, at least one. The first is left out, unless it fills the slice.

    It finds the reference's data in the caches.
    """
    times: list[int] = []
    interrupted: list[bool] = []
    spent = 0.0
    while spent < seconds or len(times) < 2:
        switches = context_switches()
        times.append(model.run())
        interrupted.append(context_switches() != switches)
        if times[0] / _NS >= seconds:
            return times, interrupted
        spent += times[-1] / _NS
    return times[1:], interrupted[1:]


def _time_reference(reference: TimedModel, schedule: Schedule) -> list[int]:
    reference.run()
    return [reference.run() for _ in range(schedule.reference_runs)]


def _settled(measured: Measured, models: list[Measured], schedule: Schedule) -> bool:
    """Whether enough blocks hold steady slices and the median's interval is narrow enough."""
    level = fast_level([part for m in models for block in m.blocks for part in block.reference_ns])
    steady = [_steady_runs(block, level, schedule.max_drift) for block in measured.blocks]
    if sum(bool(runs) for runs in steady) < schedule.min_blocks:
        return False
    return summarise(np.concatenate(steady)).relative_half_width <= schedule.target_ci


def _steady_runs(block: Block, level: float, max_drift: float) -> list[int]:
    return [
        time
        for i, (times, interrupted) in enumerate(zip(block.runs_ns, block.interrupted, strict=True))
        if deviation(block.reference_ns[i : i + 2], level) <= max_drift
        for time, taken_away in zip(times, interrupted, strict=True)
        if not taken_away
    ]


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
        "blocks": [asdict(block) for block in measured.blocks],
    }


if __name__ == "__main__":
    main()
