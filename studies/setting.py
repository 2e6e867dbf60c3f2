"""The setting of a search: data, teacher with its costs, space and resolved budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nas_kd.costs import (
    Budget,
    DeviceProfile,
    Limits,
    count_macs,
    measure_latency,
    require_provider,
)
from nas_kd.data import DataSplits, load_data
from nas_kd.errors import UsageError
from nas_kd.export import export_onnx
from nas_kd.machine_lock import machine_alone
from nas_kd.teachers import Teacher, doubt, load_teacher
from nas_kd.teachers.load import names_code
from nas_kd.training import train_default_teacher
from nas_kd.training.default_teacher import DEFAULT_TEACHER, untrained_default_teacher
from nas_kd.training.normalisation import as_the_teacher_sees
from nas_kd.user_cache import user_cache
from search_spaces import SearchSpace, Task
from studies.observer import PER_MILLE, Observer, per_mille
from studies.recipe import BudgetSection, Recipe
from studies.recipe_space import space_of
from studies.run_directory import RunDirectory
from studies.teacher_accuracy import normalisation_note, teacher_accuracies


@dataclass(frozen=True)
class Setting:
    """Everything that stands before the first candidate is proposed.

    Attributes:
        data: The splits, normalised as the teacher expects.
        teacher: The trained teacher.
        teacher_facts: The teacher's ``name``, ``source``, ``macs``, ``params``, ``latency_ms`` with
            the record behind it and, where it was judged, ``accuracy`` and
            ``validation_accuracy``.
        teacher_onnx: The teacher as an ONNX file, measured beside the students.
        space: The space of students.
        task: What students are built for.
        budget: The budget as asked for.
        limits: The budget resolved on the teacher's costs.
        profile: The device on which latency is measured.
    """

    data: DataSplits
    teacher: Teacher
    teacher_facts: dict[str, Any]
    teacher_onnx: Path
    space: SearchSpace
    task: Task
    budget: Budget
    limits: Limits
    profile: DeviceProfile


def _nothing_to_try(space: SearchSpace, task: Task) -> None: ...


def prepare(
    recipe: Recipe,
    run: RunDirectory,
    observer: Observer,
    *,
    costs_alone: bool = False,
    try_students: Callable[[SearchSpace, Task], object] = _nothing_to_try,
) -> Setting:
    """Loads, trains or counts what the recipe names; what can fail cheaply is tried first.

    With ``costs_alone`` the teacher only says what it costs: it is not judged, and the embedded one
    not even trained. ``try_students`` is called when the data are loaded, before the teacher is
    loaded or trained: it raises where students of the space do not fit the task.
    """
    budget = Budget.parse(recipe.budget.limits)
    profile = device_profile(recipe.budget)
    require_provider(profile)
    space = space_of(recipe)
    data, teacher = load_data_and_teacher(
        recipe,
        observer,
        trained=not costs_alone,
        look=lambda data: try_students(space, _task_of(data)),
    )
    if costs_alone:
        facts, onnx = _teacher_costs(teacher, data, profile, run, observer)
    else:
        facts, onnx = _teacher_facts(teacher, data, profile, run, observer)
        if warning := doubt(facts["validation_accuracy"], data.num_classes):
            observer.note(warning)
    limits = budget.limits(facts)
    return Setting(data, teacher, facts, onnx, space, _task_of(data), budget, limits, profile)


def _task_of(data: DataSplits) -> Task:
    channels, side, _ = data.input_shape
    return Task(channels, side, data.num_classes)


def device_profile(section: BudgetSection) -> DeviceProfile:
    """Where latency is measured by a recipe; see `profile_under`."""
    return profile_under(
        section.limits, DeviceProfile(section.device, section.threads, section.batch)
    )


def profile_under(limits: Sequence[str], default: DeviceProfile) -> DeviceProfile:
    """Where latency is measured: the device that a limit names, else ``default``.

    Raises:
        UsageError: Both name one, and not the same.
    """
    profile = Budget.parse(limits).measured_on(default)
    if default not in (DeviceProfile(), replace(profile, precision=default.precision)):
        raise UsageError(
            f"budget: the latency limit names {profile}, and --device, --threads or [budget] ask "
            f"for {default}. Name the device in one place."
        )
    return profile


def load_recipe_data(recipe: Recipe) -> DataSplits:
    """The data that the recipe names."""
    options = recipe.data
    return load_data(
        options.source,
        seed=recipe.seed,
        image_size=options.image_size,
        validation_share=options.validation_share,
        download=options.download,
    )


def load_data_and_teacher(
    recipe: Recipe,
    observer: Observer,
    *,
    trained: bool = True,
    look: Callable[[DataSplits], object] = lambda data: None,
) -> tuple[DataSplits, Teacher]:
    """The data, normalised as the teacher expects, and the teacher.

    ``trained`` is whether the embedded teacher needs more than its initial weights. ``look`` is
    called with the data before there is a teacher, and may raise.
    """
    observer.phase("teacher", PER_MILLE)
    data = load_recipe_data(recipe)
    look(data)
    if recipe.teacher.source == DEFAULT_TEACHER:
        if not trained:
            return data, untrained_default_teacher(data, recipe.seed)
        return data, train_default_teacher(
            data, cache_dir=user_cache(), seed=recipe.seed, on_progress=per_mille(observer)
        )
    teacher = load_teacher(recipe.teacher.source, data=data, checkpoint=recipe.teacher.checkpoint)
    observer.advance(PER_MILLE)
    data = as_the_teacher_sees(data, teacher)
    has_option = recipe.teacher.checkpoint is not None and not names_code(recipe.teacher.source)
    observer.note(normalisation_note(teacher, data, has_option=has_option))
    return data, teacher


def _teacher_facts(
    teacher: Teacher,
    data: DataSplits,
    profile: DeviceProfile,
    run: RunDirectory,
    observer: Observer,
) -> tuple[dict[str, Any], Path]:
    onnx = run.work("teacher.onnx")
    facts = run.read_state("teacher")
    if facts is not None and onnx.is_file() and not run.states.is_damaged(onnx):
        return facts, onnx
    costs, onnx = _teacher_costs(teacher, data, profile, run, observer)
    facts = {**costs, **teacher_accuracies(teacher, data, observer)}
    run.write_state("teacher", facts)
    return facts, onnx


def _teacher_costs(
    teacher: Teacher,
    data: DataSplits,
    profile: DeviceProfile,
    run: RunDirectory,
    observer: Observer,
) -> tuple[dict[str, Any], Path]:
    """What it costs, and its file."""
    onnx = run.work("teacher.onnx")
    observer.note(f"Counting and measuring the teacher {teacher.name}.")
    counts = count_macs(teacher.model, data.input_shape)
    export_onnx(teacher.model, data.input_shape, onnx)
    run.states.vouch(onnx, onnx.read_bytes())
    with machine_alone():
        latency = measure_latency(onnx, profile)
    facts = {
        "name": teacher.name,
        "source": teacher.source,
        "macs": counts.macs,
        "params": counts.params,
        "unsupported_operators": counts.unsupported,
        "latency_ms": latency.median_ms,
        "latency": latency.to_dict(),
    }
    return facts, onnx
