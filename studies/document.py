"""The JSON document of a search that is over."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from nas_kd.costs.predictor import PredictionError
from search_spaces import SearchSpace
from studies.delivered_finalist import DeliveredFinalist
from studies.delivery import Delivered
from studies.finishing import Finished
from studies.found_document import finite_or_none, found_document, front_row
from studies.recipe import Recipe
from studies.run_directory import RunDirectory
from studies.search_result import SearchResult
from studies.setting import Setting

SCHEMA = "nas-kd.search/1"
PEER_SCHEMA = "nas-kd.search-peer/1"


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
                **front_row(f.measured.candidate, setting.space, result, measured),
                "validation_accuracy": finite_or_none(f.validation_accuracy),
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


def _too_slow_row(student: DeliveredFinalist, space: SearchSpace) -> dict[str, Any]:
    arch = student.winner.candidate.arch
    return {
        "arch": dict(arch),
        "description": space.describe(arch),
        "accuracy": student.accuracies["accuracy"],
        "latency_ms": student.delivered.latency.to_document(),
    }
