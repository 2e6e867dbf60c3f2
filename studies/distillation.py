"""One chosen student, distilled, exported and checked."""

from __future__ import annotations

import json
from typing import Any

import torch

from nas_kd.errors import UsageError
from search_spaces import Arch, SearchSpace, Task
from studies.beside_teacher import latency_violation
from studies.counting import counted_costs
from studies.delivery import Delivered, deliver
from studies.document import budget_document
from studies.finished_run import finished_document
from studies.journal_trials import holds_trials
from studies.observer import PER_MILLE, Observer
from studies.recipe import Recipe
from studies.run_directory import CHOSEN, RunDirectory
from studies.setting import Setting, prepare
from studies.starting_weights import StartingWeights
from studies.student_training import StudentTrainer
from studies.teacher_file import require_same_checkpoint

SCHEMA = "nas-kd.distill/1"


def distil_student(
    recipe: Recipe,
    arch: Arch,
    run: RunDirectory,
    observer: Observer,
    start: StartingWeights | None = None,
) -> dict[str, Any]:
    """Trains a student, delivers it and returns the JSON document.

    The same call for the same run continues a training that was interrupted; of one that is
    finished it returns the document.

    Args:
        recipe: Of ``run``.
        arch: The student.
        run: Keeps the training and what is delivered; of another search or student it is refused.
        observer: Told of the progress.
        start: The weights that it starts from; without them it starts as the recipe's ``init``
            says.

    Raises:
        UsageError: The run is a search, or has another architecture or start, or the file of the
            teacher's weights holds other ones than when it began.
        ExportError: ONNX Runtime does not compute what the module computes.
    """
    run.tell.say = observer.note
    with run.lock():
        _claim(run, arch, start)
        require_same_checkpoint(run, recipe)
        document = finished_document(run, SCHEMA)
        if document is None:
            document = _distil(recipe, arch, run, observer, start)
            run.write_result(document)
    return document


def _claim(run: RunDirectory, arch: Arch, start: StartingWeights | None) -> None:
    """Ties the run directory to one architecture and start, since its checkpoints fit no other."""
    if holds_trials(run.journal):
        raise UsageError(f"distill: {run.path} holds a search. Name another --run-dir.")
    kept = run.read_state(CHOSEN)
    if kept is not None and kept != dict(arch):
        raise UsageError(
            f"distill: {run.path} holds the training of another architecture "
            f"({json.dumps(kept)}). Name another --run-dir."
        )
    weights = {} if start is None else {"sha256": start.sha256}
    if kept is not None and (run.read_state("starting_weights") or {}) != weights:
        raise UsageError(
            f"distill: {run.path} holds a training that started from other weights. Name another "
            "--run-dir."
        )
    run.write_state("starting_weights", weights)
    run.write_state(CHOSEN, dict(arch))


def _distil(
    recipe: Recipe,
    arch: Arch,
    run: RunDirectory,
    observer: Observer,
    start: StartingWeights | None,
) -> dict[str, Any]:
    def build(space: SearchSpace, task: Task) -> None:
        if start is not None:
            start.student_for(task)
            return
        with torch.random.fork_rng(devices=[]):
            space.build(arch, task)

    setting, weights, started_from = prepare(recipe, run, observer, try_students=build), None, None
    if start is not None:
        weights, setting = start.load(setting)
        started_from = str(start.directory)
    costs = counted_costs(setting.space, arch, setting.task)
    observer.phase("distill", PER_MILLE)
    trainer = StudentTrainer(recipe, setting, run, observer)
    module, result = trainer.train(arch, name="student", start=weights)
    accuracy = {
        "validation_accuracy": result.validation_accuracy,
        "accuracy": result.accuracy,
    }
    observer.phase("export", None)
    delivered = deliver(
        module,
        arch,
        directory=run.student(1),
        recipe=recipe,
        setting=setting,
        costs=costs,
        accuracy=accuracy,
        inherited_share=result.inherited_share,
        started_from=started_from,
    )
    student = {
        "arch": dict(arch),
        "description": setting.space.describe(arch),
        **{name: int(count) for name, count in costs.items()},
        **accuracy,
        **delivered.accuracies(),
        "inherited_share": result.inherited_share,
        "started_from": started_from,
        **delivered.to_document(),
    }
    return {
        "schema": SCHEMA,
        "run_dir": str(run.path),
        "seed": recipe.seed,
        "space": {"name": recipe.space.name, "options": dict(recipe.space.options)},
        "teacher": {
            **setting.teacher_facts,
            "latency_ms": delivered.teacher_latency.median_ms,
        },
        "budget": budget_document(recipe, setting, delivered),
        "accuracy_split": setting.data.final_split,
        "student": student,
        "budget_met": _is_met(setting, costs, delivered),
    }


def _is_met(setting: Setting, costs: dict[str, float], delivered: Delivered) -> bool:
    """Whether the student holds the budget, as counted and as measured."""
    late = latency_violation(setting, delivered.latency, delivered.teacher_latency)
    return setting.limits.hold(costs) and late <= 0
