"""The one JSON document that says what a run found."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from nas_kd.costs.predictor import PredictionError
from search_spaces import SearchSpace
from studies.candidates import Candidate
from studies.delivered_finalist import DeliveredFinalist
from studies.delivery import Delivered
from studies.finishing import Finished
from studies.measured import Measured
from studies.measured_front import is_feasible, measured_front
from studies.objectives import SCORE
from studies.recipe import Recipe
from studies.run_directory import RunDirectory
from studies.search_result import SearchResult
from studies.setting import Setting

SCHEMA = "nas-kd.search/1"
PEER_SCHEMA = "nas-kd.search-peer/1"


def found_document(
    space: SearchSpace, result: SearchResult, measured: Mapping[str, Measured]
) -> dict[str, Any]:
    """What the search itself found so far.

    ``feasible`` of the ``unique`` candidates are within the budget: those not counted or predicted
    to be over it (see ``infeasible_reasons``), nor measured to be too slow, which on the ``front``
    have ``within_latency`` false.
    """
    unique, front = result.unique, measured_front(result, measured)
    return {
        "evaluated": len(result.trials),
        "unique": len(unique),
        "feasible": sum(is_feasible(candidate, measured) for candidate in unique),
        "infeasible_reasons": _reasons(unique, measured),
        "front": [_front_row(candidate, space, result, measured) for candidate in front],
    }


def search_document(
    recipe: Recipe,
    run: RunDirectory,
    setting: Setting,
    result: SearchResult,
    finished: Finished,
    *,
    seconds: Mapping[str, float],
    prediction: PredictionError | None,
) -> dict[str, Any]:
    """What ``nas-kd search --json`` prints.

    Accuracies are shares in [0, 1] on ``accuracy_split``; latencies are milliseconds for one batch.
    ``too_slow`` tells of finalists of a higher accuracy whose delivered files missed the latency
    limit.
    """
    unique, measured = result.unique, finished.measured
    student = finished.student
    delivered, winner = student.delivered, student.winner.candidate
    return {
        "schema": SCHEMA,
        "run_dir": str(run.path),
        "seed": recipe.seed,
        "space": {
            "name": setting.space.name,
            "options": dict(recipe.space.options),
            "size": setting.space.size,
        },
        "teacher": setting.teacher_facts,
        "budget": budget_document(recipe, setting, delivered),
        "proxies": list(recipe.search.proxies),
        "objectives": list(recipe.search.objectives),
        "sampler": recipe.search.sampler,
        "latency_prediction": None if prediction is None else prediction.to_dict(),
        **found_document(setting.space, result, measured),
        "degenerate": sum(candidate.degenerate for candidate in unique),
        "seconds": dict(seconds),
        "accuracy_split": setting.data.final_split,
        "finalists": [
            {
                **_front_row(f.measured.candidate, setting.space, result, measured),
                "validation_accuracy": _finite(f.validation_accuracy),
            }
            for f in finished.finalists
        ],
        "too_slow": [_too_slow_row(one, setting.space) for one in finished.too_slow],
        "student": {
            "arch": dict(winner.arch),
            "description": setting.space.describe(winner.arch),
            "macs": winner.macs,
            "params": winner.params,
            "accuracy_float32": student.accuracies["accuracy"],
            **student.accuracies,
            "inherited_share": student.inherited_share,
            **delivered.to_document(),
        },
        "budget_met": student.in_time,
        "next": [
            f"nas-kd show {shlex.quote(str(run.path))}",
            f"nas-kd measure {shlex.quote(str(delivered.directory))}",
            f"nas-kd dashboard {shlex.quote(str(run.path))}",
        ],
    }


def peer_document(run: RunDirectory, result: SearchResult, finished_by: str) -> dict[str, Any]:
    """What ``nas-kd search --json`` prints on hosts that leave the finalists to another one."""
    return {
        "schema": PEER_SCHEMA,
        "run_dir": str(run.path),
        "evaluated": len(result.trials),
        "unique": len(result.unique),
        "finished_by": finished_by,
        "next": [f"nas-kd show {shlex.quote(str(run.path))}"],
    }


def budget_document(recipe: Recipe, setting: Setting, delivered: Delivered) -> dict[str, Any]:
    """The limits as they were written and in numbers, and where latency was measured.

    ``doubts``: what disturbed the measurement that a latency limit is judged by.
    """
    teacher = {**setting.teacher_facts, "latency_ms": delivered.teacher_latency.median_ms}
    return {
        "limits": list(recipe.budget.limits),
        **setting.budget.limits(teacher).values,
        "device": setting.profile.device,
        "threads": setting.profile.threads,
        "batch": setting.profile.batch,
        "precision": setting.profile.precision,
        "doubts": list(delivered.latency.doubts) if setting.budget.needs("latency_ms") else [],
    }


def _front_row(
    candidate: Candidate, space: SearchSpace, result: SearchResult, measured: Mapping[str, Measured]
) -> dict[str, Any]:
    latency = measured.get(candidate.key)
    return {
        "arch": dict(candidate.arch),
        "description": space.describe(candidate.arch),
        "macs": candidate.macs,
        "params": candidate.params,
        "latency_ms": latency.latency.median_ms if latency else None,
        "predicted_latency_ms": candidate.predicted_ms,
        "within_latency": latency.feasible if latency else None,
        "scores": {
            SCORE: result.objectives.score(candidate),
            **{name: _finite(score) for name, score in candidate.scores.items()},
        },
    }


def _too_slow_row(student: DeliveredFinalist, space: SearchSpace) -> dict[str, Any]:
    arch = student.winner.candidate.arch
    return {
        "arch": dict(arch),
        "description": space.describe(arch),
        "accuracy": student.accuracies["accuracy"],
        "latency_ms": student.delivered.latency.to_document(),
    }


def _reasons(unique: Sequence[Candidate], measured: Mapping[str, Measured]) -> dict[str, int]:
    reasons = Counter(
        metric
        for candidate in unique
        for metric, violation in candidate.violations.items()
        if violation > 0
    )
    too_slow = sum(not m.feasible and m.candidate.feasible for m in measured.values())
    if too_slow:
        reasons["latency_ms"] += too_slow
    return dict(reasons)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
