"""``nas-kd distill``: train one chosen student."""

from __future__ import annotations

import json as json_module
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas_kd.cli import options
from nas_kd.cli.console import end_over_budget, print_answer, stdout_kept_clean
from nas_kd.cli.outside_code import refuse_outside_code
from nas_kd.cli.recipe_flags import refuse_flags, setting_changes, setting_pairs
from nas_kd.cli.text_distilling import distil_text, refuse_without_task
from nas_kd.errors import UsageError

if TYPE_CHECKING:
    from studies.recipe import Recipe
    from studies.starting_weights import StartingWeights


def distill(
    student: Annotated[
        str,
        typer.Argument(
            metavar="STUDENT_DIR|ARCH",
            help="A student directory (its architecture, teacher and data), or an architecture as "
            "JSON or in the space's own notation.",
        ),
    ],
    config: options.Config = None,
    teacher: options.TeacherOfAny = None,
    checkpoint: options.Checkpoint = None,
    data: options.DataOfAny = None,
    image_size: options.ImageSize = None,
    space: options.Space = None,
    space_option: options.SpaceOption = None,
    budget: options.Budget = None,
    epochs: options.Epochs = None,
    minutes: options.Minutes = None,
    seed: options.Seed = None,
    device: options.Device = None,
    threads: options.Threads = None,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="TEXTS",
            help="What a student of text is to learn: FILE.tsv, FILE.csv or hfds:NAME_OR_FOLDER "
            "with ?text=COLUMN&label=COLUMN, for pairs &second=COLUMN, for scores "
            "&regression=true, and &train=...&validation=... in a folder, archive or data set. "
            "A whole number is the place of a column, counted from 1; &header=false says that the "
            "first line of a file is a row.",
        ),
    ] = None,
    embeddings: Annotated[
        bool,
        typer.Option(
            "--embeddings",
            help="With --task: learn the teacher's sentence embeddings, the means over the tokens, "
            "judged on its pairs; --data names further text to learn from.",
        ),
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="With --task: a setting, see: nas-kd list settings task, or embeddings; "
            "repeatable.",
        ),
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="With --task: a file of 8-bit integers beside it.")
    ] = False,
    run_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the run lives [runs/distill-...].")
    ] = None,
    json: options.Json = False,
) -> None:
    """Train one chosen student and export it.

    A student that nas-kd search --supernet delivered starts from its weights, and on the data of
    its supernet keeps its --seed, which says what images it has not seen; every other one, and an
    architecture, starts anew, as init under [distill] says. It learns from the teacher, and is
    held to a budget if --budget, --config or the student's own recipe names one. A student of text
    keeps its weights and learns a task (--task). The same command continues a training that was
    interrupted.
    """
    if task is not None:
        refuse_flags(
            {
                "--config": config,
                "--checkpoint": checkpoint,
                "--image-size": image_size,
                "--space": space,
                "--space-option": space_option,
                "--budget": budget,
                "--minutes": minutes,
                "--data": None if embeddings else data,
            },
            "beside --task give only --embeddings (with --data), --teacher, --epochs, --set, "
            "--int8, --seed, --device, --threads, --run-dir and --json.",
        )
        learned = distil_text(
            student,
            task,
            embeddings=embeddings,
            text=data,
            teacher=teacher,
            pairs=setting_pairs(settings, epochs),
            seed=seed or 0,
            device=device,
            threads=threads,
            int8=int8,
            run_dir=run_dir,
        )
        from nas_kd.report.text_tables import lesson_tables

        print_answer(learned, lesson_tables, as_json=json)
        return
    refuse_flags(
        {"--embeddings": embeddings, "--set": settings, "--int8": int8},
        "these belong to students of text; say with --task what one is to learn.",
    )
    refuse_without_task(student)
    changes = {
        **setting_changes(seed, teacher, checkpoint, data, image_size, device, threads),
        "budget.limits": budget or None,
        "distill.epochs": epochs,
        "distill.minutes": minutes,
    }
    with stdout_kept_clean():
        job = _job(student, config, changes, space, space_option or [])
        document = _run(job, run_dir)
    print_answer(document, _summary, as_json=json)
    if not document["budget_met"]:
        end_over_budget()


@dataclass(frozen=True)
class _Job:
    """What is trained, how, and from which weights, if not anew."""

    arch: str
    recipe: Recipe
    start: StartingWeights | None = None


def _job(
    student: str,
    config: str | None,
    changes: dict[str, Any],
    space: str | None,
    space_options: list[str],
) -> _Job:
    from nas_kd.cli.recipe_flags import lay_over, resolve_recipe, tell_defaults

    if not os.path.isdir(student):  # unlike Path.is_dir, False for a text too long for a path
        if config is None:  # the budget of the embedded search is none for a chosen student
            changes = {**changes, "budget.limits": changes["budget.limits"] or []}
        recipe = resolve_recipe(config, changes, space=space, space_options=space_options)
        tell_defaults(recipe, config, changes, space=space)
        return _Job(student, recipe)
    if space is not None or space_options:
        raise UsageError("--space: the student directory already says which space it is from.")
    base = _read_student(Path(student), has_teacher=bool(config or changes["teacher.source"]))
    if config is None:
        recipe = lay_over(base.recipe, changes)
        refuse_outside_code(student, recipe, changes)
    else:
        named = {"space.name": base.recipe.space.name, "space.options": base.recipe.space.options}
        recipe = resolve_recipe(config, changes | named)
    if base.start is not None:
        _require_same_split(student, recipe, base.recipe)
    return replace(base, recipe=recipe)


def _read_student(path: Path, *, has_teacher: bool) -> _Job:
    """The student's architecture as JSON, and the recipe by which it was made.

    Args:
        path: A student or a run.
        has_teacher: Whether the user names a teacher.
    """
    from nas_kd.cli.targets import best_student
    from studies.recipe_files import parse_recipe
    from studies.starting_weights import StartingWeights, recipe_of_pretraining

    directory = best_student(path)
    try:
        config = json_module.loads((directory / "config.json").read_text(encoding="utf-8"))
        manifest = json_module.loads((directory / "manifest.json").read_text(encoding="utf-8"))
        arch, pretraining = json_module.dumps(config["arch"]), manifest.get("pretraining")
        if pretraining is None:
            return _Job(arch, parse_recipe(manifest["recipe"]))
        job = _Job(arch, recipe_of_pretraining(pretraining), StartingWeights.of(directory))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"student: {directory} cannot be read ({type(error).__name__}: {error}). Give its "
            "architecture as text instead, with --space, --teacher and --data."
        ) from error
    if not (has_teacher or pretraining.get("teacher") or job.recipe.data.source == "digits"):
        raise UsageError(
            f"--teacher: the supernet of {directory} was trained without one. Name the teacher "
            "that the student is to learn from."
        )
    return job


def _require_same_split(student: str, recipe: Recipe, pretraining: Recipe) -> None:
    """Refuses to judge a student on images that its weights have learned."""
    from nas_kd.source_spec import SourceSpec

    now, then = (SourceSpec.parse(made.data.source) for made in (recipe, pretraining))
    seed, share = pretraining.seed, pretraining.data.validation_share
    is_same = (recipe.seed, recipe.data.validation_share) == (seed, share)
    if is_same or (now.kind, now.target) != (then.kind, then.target):
        return
    raise UsageError(
        f"distill: the weights of {student} have learned {then.text}, split with seed {seed} and "
        f"validation_share {share}; otherwise split, the student would be judged on images that "
        f"they know. Keep both (--seed {seed}), or give the architecture as text to train it anew."
    )


def _run(job: _Job, run_dir: Path | None) -> dict[str, Any]:
    from nas_kd.cli.device_options import tell_where_latency_counts
    from nas_kd.cli.distilling import default_directory, parse_arch, run_distillation
    from nas_kd.cli.progress import kept_for_watchers, watching
    from nas_kd.cli.running import keeping_traceback
    from studies.run_directory import RunDirectory

    recipe, start = job.recipe, job.start
    with watching() as observer:
        observer.phase("start", None)
        from studies.preflight import check_recipe
        from studies.setting import device_profile

        check_recipe(recipe)
        limits, profile = recipe.budget.limits, device_profile(recipe.budget)
        tell_where_latency_counts(limits, profile, observer.note)
        arch = parse_arch(recipe, job.arch)
        directory = run_dir if run_dir is not None else default_directory(recipe, arch, start)
        observer.note(f"Working in {directory}. Ctrl-C at any time: the same command continues.")
    run = RunDirectory.create_or_continue(directory, recipe)
    with (
        keeping_traceback(run.log),
        watching() as observer,
        kept_for_watchers(observer, run) as kept,
    ):
        return run_distillation(recipe, arch, directory, kept, start)


def _summary(document: dict[str, Any]) -> list[Any]:
    from nas_kd.report.tables import result_tables

    student = document["student"]
    return [
        *result_tables(document),
        f"ONNX file: {student['onnx']} (differs from PyTorch by at most "
        f"{student['parity_max_abs']:.1e})",
        f"Weights, configuration, manifest: {student['directory']}",
    ]
