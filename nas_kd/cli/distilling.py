"""The work behind ``nas-kd distill``: one chosen architecture, trained, exported and checked."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

    from search_spaces import Arch
    from studies.observer import Observer
    from studies.recipe import Recipe
    from studies.run_directory import RunDirectory
    from studies.starting_weights import StartingWeights

SCHEMA = "nas-kd.distill/1"


def parse_arch(recipe: Recipe, text: str) -> Arch:
    """The canonical form of an architecture given as JSON or in the space's own notation.

    Raises:
        UsageError: It is none, nor is there a folder of that name, which a student might lie in.
    """
    from studies.recipe_space import space_of

    space = space_of(recipe)
    try:
        return space.canonical(space.parse(text))
    except UsageError as error:
        raise UsageError(f"distill: no such folder, and no such architecture. {error}") from error


def default_directory(recipe: Recipe, arch: Arch, start: StartingWeights | None) -> Path:
    """A folder of its own for every architecture, recipe and start."""
    weights = "" if start is None else f" {start.sha256}"
    digest = hashlib.sha256(f"{arch.key} {recipe.to_json()}{weights}".encode()).hexdigest()
    return Path("runs") / f"distill-{digest[:8]}"


def run_distillation(
    recipe: Recipe,
    arch: Arch,
    run: RunDirectory,
    observer: Observer,
    start: StartingWeights | None = None,
) -> dict[str, Any]:
    """Trains ``arch`` as the recipe of ``run`` says, delivers it and returns the JSON document.

    It starts from the weights ``start``, if there are any, else as the recipe's ``init`` says.

    The same call for the same run continues a training that was interrupted; of one that is
    finished it returns the document.

    Raises:
        UsageError: The run is a search, or has another architecture or start, or the file of the
            teacher's weights holds other ones than when it began.
        ExportError: ONNX Runtime does not compute what the module computes.
    """
    from studies.finished_run import finished_document
    from studies.teacher_file import require_same_checkpoint

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
    from studies.journal_trials import holds_trials
    from studies.run_directory import CHOSEN

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
    from studies.beside_teacher import latency_violation
    from studies.counting import count_student
    from studies.delivery import deliver
    from studies.document import budget_document
    from studies.observer import PER_MILLE
    from studies.setting import prepare
    from studies.student_training import StudentTrainer

    setting = prepare(recipe, run, observer)
    weights: nn.Module | None = None
    if start is not None:
        weights, setting = start.load(setting)
    counts = count_student(setting.space, arch, setting.task)
    costs = {"macs": float(counts.macs), "params": float(counts.params)}
    observer.phase("distill", PER_MILLE)
    trainer = StudentTrainer(recipe, setting, run, observer)
    module, result = trainer.train(arch, name="student", start=weights)
    accuracy = {
        "validation_accuracy": result.validation_accuracy,
        "accuracy": result.accuracy,
    }
    started_from = None if start is None else str(start.directory)
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
    late = latency_violation(setting, delivered.latency, delivered.teacher_latency)
    over = [*setting.limits.violations(costs).values(), late]
    teacher = {**setting.teacher_facts, "latency_ms": delivered.teacher_latency.median_ms}
    return {
        "schema": SCHEMA,
        "run_dir": str(run.path),
        "seed": recipe.seed,
        "space": {"name": recipe.space.name, "options": dict(recipe.space.options)},
        "teacher": teacher,
        "budget": budget_document(recipe, setting, delivered),
        "accuracy_split": setting.data.final_split,
        "student": {
            "arch": dict(arch),
            "description": setting.space.describe(arch),
            "macs": counts.macs,
            "params": counts.params,
            **accuracy,
            **delivered.accuracies(),
            "inherited_share": result.inherited_share,
            "started_from": started_from,
            "onnx": str(delivered.onnx),
            "directory": str(delivered.directory),
            "parity_max_abs": delivered.parity.max_abs,
            "latency_ms": delivered.latency.to_document(),
            "teacher_latency_ms": delivered.teacher_latency.to_document(),
        },
        "budget_met": all(violation <= 0 for violation in over),
    }
