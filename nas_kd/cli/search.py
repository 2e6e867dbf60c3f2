"""``nas-kd search``: the whole job, from the teacher to the checked ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas_kd.cli import options
from nas_kd.cli.console import end_over_budget, print_answer
from nas_kd.cli.dry_run import check_and_print
from nas_kd.cli.recipe_flags import (
    parse_names,
    proxy_changes,
    refuse_flags,
    resolve_recipe,
    run_name,
    setting_changes,
    tell_defaults,
)
from nas_kd.cli.searching import search_summary, watched_search
from nas_kd.cli.supernet_kinds import OfImages, OfText
from nas_kd.cli.supernet_search import refuse_others, search_supernet
from nas_kd.errors import UsageError


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
            parser=options.read_directory,
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
        check_and_print(recipe, directory, as_json=json)
        return
    document = watched_search(recipe, directory, fork=fork, storage=storage, study_name=study_name)
    print_answer(document, search_summary, as_json=json)
    if not document.get("budget_met", True):
        end_over_budget()
