"""``nas-kd search``: the whole job, from the teacher to the checked ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas_kd.cli import options
from nas_kd.cli.console import (
    end_over_budget,
    note,
    print_answer,
    print_json,
    stdout_kept_clean,
)
from nas_kd.cli.recipe_flags import (
    parse_names,
    proxy_changes,
    refuse_flags,
    resolve_recipe,
    run_name,
    setting_changes,
    tell_defaults,
)
from nas_kd.cli.supernet_search import OfImages, OfText, refuse_others, search_supernet
from nas_kd.errors import NoFeasibleStudentError, UsageError

if TYPE_CHECKING:
    from studies.recipe import Recipe


def search(
    config: options.Config = None,
    teacher: options.Teacher = None,
    checkpoint: options.Checkpoint = None,
    data: options.Data = None,
    image_size: options.ImageSize = None,
    space: options.Space = None,
    space_option: options.SpaceOption = None,
    budget: options.Budget = None,
    device: options.Device = None,
    threads: options.Threads = None,
    trials: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Candidates to look at [300; exhaustive: all; of a supernet of language models "
            "1000, with --proxies a quarter].",
        ),
    ] = None,
    sampler: Annotated[
        str | None, typer.Option(metavar="NAME", help="See: nas-kd list samplers.")
    ] = None,
    start_with: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ARCH",
            help="An architecture to look at first, as JSON or in the space's notation; may be "
            "repeated.",
        ),
    ] = None,
    proxies: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="See: nas-kd list proxies; az_nas, te_nas and vkdnw_agg stand for all their parts "
            "and a fusion.",
        ),
    ] = None,
    fusion: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How proxies become one score: reference (a fixed scale), or by their ranks so "
            "far, log-rank or mean-rank.",
        ),
    ] = None,
    objectives: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="score, macs, params, latency_ms or single proxies."),
    ] = None,
    supernet: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Search a supernet of nas-kd pretrain instead."),
    ] = None,
    tokens: Annotated[
        int | None,
        typer.Option(
            min=3,
            metavar="N",
            help="With a supernet of language models: length of the text that MACs and latency "
            "count for [that of its training].",
        ),
    ] = None,
    stock: Annotated[
        bool | None,
        typer.Option(
            "--stock",
            help="With such a supernet: only students of classes of transformers' own.",
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="With a supernet: how many of the best are delivered [1]. Language models [3] are "
            "distilled before, for --epochs [1], unless it is 1.",
        ),
    ] = None,
    arch: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ARCH",
            help="With a supernet of images: deliver this network, as JSON or in the space's "
            "notation; may be repeated.",
        ),
    ] = None,
    epochs: options.Epochs = None,
    minutes: options.Minutes = None,
    seed: options.Seed = None,
    run_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where the run lives [runs/ and the name of the recipe or of the data; with "
            "--supernet RUN: RUN-search].",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Candidates scored at a time; same result."),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Search with other hosts: postgresql://USER@HOST/DB, grpc://HOST:PORT.",
        ),
    ] = None,
    study_name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Their study in --storage [the run directory's name]."),
    ] = None,
    fork: Annotated[
        bool, typer.Option("--fork", help="Start beside a run that has another recipe.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the recipe, print it, do nothing.")
    ] = False,
    json: options.Json = False,
) -> None:
    """From your teacher to a checked student: the whole job.

    Without arguments: the embedded job on real handwritten digits. The same command in the same
    directory continues a run that was interrupted.
    """
    if supernet is not None:
        refuse_others(
            {
                "--config": config,
                "--teacher": teacher,
                "--checkpoint": checkpoint,
                "--image-size": image_size,
                "--space": space,
                "--space-option": space_option,
                "--start-with": start_with,
                "--fusion": fusion,
                "--objectives": objectives,
                "--minutes": minutes,
                "--workers": workers,
                "--storage": storage,
                "--study-name": study_name,
                "--fork": fork,
                "--dry-run": dry_run,
            }
        )
        found = search_supernet(
            supernet,
            budget=budget or [],
            device=device,
            threads=threads,
            seed=seed or 0,
            run_dir=run_dir,
            top=top,
            of_text=OfText(tokens, trials, sampler, proxies, stock, epochs),
            of_images=OfImages(data, arch),
        )
        from nas_kd.report.supernet_tables import supernet_tables

        print_answer(found, supernet_tables, as_json=json)
        if not all(student["budget_met"] for student in found["students"]):
            end_over_budget()
        return
    refuse_flags(
        {"--tokens": tokens, "--stock": stock, "--top": top, "--arch": arch},
        "this belongs to a supernet; name --supernet, too.",
    )
    changes = {
        **setting_changes(seed, teacher, checkpoint, data, image_size, device, threads),
        "budget.limits": budget or None,
        "search.trials": trials,
        "search.sampler": sampler,
        "search.start": start_with or None,
        "search.workers": workers,
        **proxy_changes(proxies, fusion),
        "search.objectives": parse_names("--objectives", objectives),
        "distill.epochs": epochs,
        "distill.minutes": minutes,
    }
    recipe = resolve_recipe(config, changes, space=space, space_options=space_option or [])
    tell_defaults(recipe, config, changes, space=space)
    directory = run_dir if run_dir is not None else Path("runs") / run_name(config, data)
    if study_name is not None and storage is None:
        raise UsageError("--study-name: it names a study in --storage; give that too.")
    if dry_run:
        _check(recipe)
        _print_recipe(recipe, directory, as_json=json)
        return
    document = _run(recipe, directory, fork=fork, storage=storage, study_name=study_name)
    print_answer(document, _summary, as_json=json)
    if not document.get("budget_met", True):
        end_over_budget()


def _check(recipe: Recipe) -> None:
    with stdout_kept_clean():
        from studies.preflight import check_recipe

        check_recipe(recipe)
    note(
        "Not checked: whether data and teacher can be loaded and fit each other and the proxies, "
        "and whether the budget can be met (nas-kd profile)."
    )


def _print_recipe(recipe: Recipe, directory: Path, *, as_json: bool) -> None:
    from nas_kd.report.toml_text import to_toml

    settings = recipe.model_dump(mode="json", exclude_none=True)
    if as_json:
        print_json({"schema": "nas-kd.recipe/1", "run_dir": str(directory), "recipe": settings})
    else:
        typer.echo(f"# nas-kd search would work in {directory} with this recipe.")
        typer.echo(to_toml(settings), nl=False)


def _run(
    recipe: Recipe, directory: Path, *, fork: bool, storage: str | None, study_name: str | None
) -> dict[str, Any]:
    from nas_kd.cli.device_options import tell_where_latency_counts
    from nas_kd.cli.progress import kept_for_watchers, watching
    from nas_kd.cli.running import keeping_traceback

    with stdout_kept_clean(), watching() as observer:
        observer.phase("start", None)
        from nas_kd.report.writing import write_report
        from studies.pipeline import run_search
        from studies.preflight import check_recipe
        from studies.run_directory import RunDirectory
        from studies.setting import device_profile

        check_recipe(recipe)
        limits, profile = recipe.budget.limits, device_profile(recipe.budget)
        tell_where_latency_counts(limits, profile, observer.note)
        run = RunDirectory.create_or_continue(directory, recipe, fork=fork)
        observer.note(f"Working in {run.path}. Ctrl-C at any time: the same command continues.")
        with keeping_traceback(run.log), kept_for_watchers(observer, run) as kept:
            try:
                document = run_search(
                    recipe,
                    run.path,
                    fork=fork,
                    storage=storage,
                    study_name=study_name,
                    observer=kept,
                )
            except NoFeasibleStudentError:
                if len(run.read_candidates()):
                    write_report(run)
                raise
            kept.phase("report", None)
            write_report(run)
    return document


def _peer_summary(document: dict[str, Any]) -> str:
    return (
        f"All {document['evaluated']} trials are done; the finalists are measured and distilled by "
        f"{document['finished_by']}. What was searched: nas-kd show {document['run_dir']}"
    )


def _summary(document: dict[str, Any]) -> list[Any]:
    if "finished_by" in document:
        return [_peer_summary(document)]
    from nas_kd.report.tables import result_tables

    run, student = Path(document["run_dir"]), document["student"]
    load = f'from nas_kd.export import load_student; load_student("{student["directory"]}")'
    lines = [
        "",
        f"ONNX file: {student['onnx']} (input images, output logits, any batch size; "
        f"differs from PyTorch by at most {student['parity_max_abs']:.1e})",
        f"Weights, configuration, manifest: {student['directory']}",
        f"Picture and page: {run / 'front.png'}, {run / 'report.html'}",
        "",
        "Next:",
        *(f"  {command}" for command in document["next"]),
        f"  in Python: {load}",
    ]
    return [*result_tables(document), "\n".join(lines)]
