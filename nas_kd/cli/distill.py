"""``nas-kd distill``: train one chosen student."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nas_kd.cli import options
from nas_kd.cli.at_work import begin, working_in
from nas_kd.cli.chosen_student import ChosenStudent, choose_student, parse_arch
from nas_kd.cli.console import end_over_budget, print_answer, stdout_kept_clean
from nas_kd.cli.named_runs import run_of_student
from nas_kd.cli.progress import watching
from nas_kd.cli.recipe_flags import refuse_flags, setting_changes, setting_pairs
from nas_kd.cli.text_distilling import distil_text, refuse_without_task


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
        Path | None,
        typer.Option(
            parser=options.read_directory,
            metavar="DIR",
            help="Where the run lives [runs/distill-...].",
        ),
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
        chosen = choose_student(student, config, changes, space, space_option or [])
        document = _run(chosen, run_dir)
    print_answer(document, _summary, as_json=json)
    if not document["budget_met"]:
        end_over_budget()


def _run(chosen: ChosenStudent, run_dir: Path | None) -> dict[str, Any]:
    recipe, start = chosen.recipe, chosen.start
    with watching() as observer:
        begin(recipe, observer)
        from studies.distillation import distil_student
        from studies.run_directory import RunDirectory

        arch = parse_arch(recipe, chosen.arch)
        directory = run_dir if run_dir is not None else run_of_student(recipe, arch, start)
        run = RunDirectory.create_or_continue(directory, recipe)
        with working_in(run, observer) as kept:
            return distil_student(recipe, arch, run, kept, start)


def _summary(document: dict[str, Any]) -> list[Any]:
    from nas_kd.report.tables import result_tables

    student = document["student"]
    return [
        *result_tables(document),
        f"ONNX file: {student['onnx']} (differs from PyTorch by at most "
        f"{student['parity_max_abs']:.1e})",
        f"Weights, configuration, manifest: {student['directory']}",
    ]
