"""``nas-kd pretrain``: train a supernet, from which students of any size can be taken."""

from __future__ import annotations

import json as json_module
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas_kd.cli import options
from nas_kd.cli.console import print_answer, stdout_kept_clean
from nas_kd.cli.named_runs import run_named_by
from nas_kd.cli.recipe_flags import parse_option, setting_pairs
from nas_kd.errors import UsageError

if TYPE_CHECKING:
    from nas_kd.training.pretraining import Method


def pretrain(
    space: Annotated[
        str, typer.Option(metavar="NAME", help="Whose supernet; see: nas-kd list spaces.")
    ],
    method: Annotated[
        str, typer.Option(metavar="NAME", help="How to train it; see: nas-kd list methods.")
    ],
    data: options.DataOfAny = None,
    teacher: options.TeacherOfAny = None,
    checkpoint: options.Checkpoint = None,
    image_size: options.ImageSize = None,
    space_option: options.SpaceOption = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting of the method, see: nas-kd list methods METHOD; repeatable.",
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Short for --set epochs=N.")
    ] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LIMIT",
            help="macs=40M: most MACs of the network of a cell that is searched for by gradients.",
        ),
    ] = None,
    seed: options.Seed = None,
    run_dir: Annotated[
        Path | None,
        typer.Option(
            parser=options.read_directory,
            metavar="DIR",
            help="Where it lives [runs/pretrain-...].",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Train a supernet: one network that holds every student of a space.

    The same command continues a training that was interrupted. Under accelerate launch or torchrun
    it trains in many processes.
    """
    with stdout_kept_clean():
        chosen, frozen = _resolve(
            method,
            space=space,
            space_options=space_option or [],
            limits=budget or [],
            pairs=setting_pairs(settings, epochs),
            data=data,
            teacher=teacher,
            checkpoint=checkpoint,
            image_size=image_size,
            seed=seed or 0,
        )
        from nas_kd.cli.pretraining import run_pretraining

        directory = run_dir or run_named_by(f"pretrain-{space}-{method}", frozen)
        document = run_pretraining(chosen, frozen, directory)
    if document is None:  # the first process tells
        return
    print_answer(document, _summary, as_json=json)


def _resolve(
    name: str,
    *,
    space: str,
    space_options: list[str],
    limits: list[str],
    pairs: list[str],
    data: str | None,
    teacher: str | None,
    checkpoint: Path | None,
    image_size: int | None,
    seed: int,
) -> tuple[Method, dict[str, Any]]:
    """The method, and everything that decides the result, by name."""
    from dataclasses import asdict

    from nas_kd.training.pretraining import METHODS, parse_settings
    from search_spaces import TextTask, create_space

    method = METHODS.get(name)
    if space not in method.spaces:
        raise UsageError(
            f"--method {name}: it has no supernet of {space!r}, but of {', '.join(method.spaces)}."
        )
    if teacher is not None and not method.takes_teacher:
        raise UsageError(f"--teacher: {name} learns without one; leave it out.")
    if checkpoint is not None and teacher is None:
        raise UsageError("--checkpoint: it holds the weights of a teacher; name --teacher, too.")
    if checkpoint is not None and not checkpoint.is_file():
        raise UsageError(f"checkpoint: there is no file {checkpoint}. Check --checkpoint.")
    options = {**method.skeletons.get(space, {}), **dict(map(parse_option, space_options))}
    if data is None and create_space(space, **options).task_type is TextTask:
        raise UsageError("--data: name the text to learn from, for example --data text:FOLDER.")
    if limits and any(pair.partition("=")[0].strip() == "macs_limit" for pair in pairs):
        raise UsageError("--budget: --set macs_limit says the same. Leave one of the two out.")
    chosen = parse_settings(method, [*_limiting(method, limits), *pairs])
    return method, {
        "method": name,
        "settings": asdict(chosen),  # type: ignore[call-overload]
        "space": space,
        "space_options": options,
        "data": data or "digits",
        "teacher": teacher,
        "checkpoint": None if checkpoint is None else str(checkpoint),
        "image_size": image_size,
        "seed": seed,
        **_checkpoint_digest(checkpoint),
        **method.inputs(chosen),
    }


def _limiting(method: Method, limits: list[str]) -> list[str]:
    """The settings by which a search for cells keeps within a budget."""
    from nas_kd.costs import Budget
    from nas_kd.training.pretraining import setting_kinds

    if limits and "macs_limit" not in setting_kinds(method):
        raise UsageError(
            f"--budget: {method.name} trains all students of a space. Leave it out, and give it to "
            "nas-kd search --supernet, which takes the best within it."
        )
    entries = Budget.parse(limits).entries
    for entry in entries:
        if entry.metric != "macs" or entry.of_teacher:
            raise UsageError(
                f"--budget {entry.text}: a search by gradients keeps within a number of MACs, for "
                "example macs=40M. nas-kd search --start-with holds what it finds to any budget."
            )
    return [pair for entry in entries for pair in (f"macs_limit={entry.value}", "cost_weight=1")]


def _checkpoint_digest(checkpoint: Path | None) -> dict[str, str]:
    """What the file of the teacher's weights holds."""
    if checkpoint is None:
        return {}
    from studies.teacher_file import weights_file_digest

    return {"checkpoint_sha256": weights_file_digest(checkpoint)}


def _summary(document: dict[str, Any]) -> list[Any]:
    from nas_kd.report.pretraining.tables import pretraining_tables

    run = Path(document["run_dir"])
    lines = [
        f"Supernet of {document['space']}: {run / 'supernet.json'}, weights beside it",
        f"Report: {run / 'report.html'}, with the metrics of every unit ({run / 'metrics.csv'})",
    ]
    if arch := document["supernet"].get("arch"):
        found, job = json_module.dumps(arch), _job_flags(document)
        lines.append(f"Train the student that it found{_taught_by(document)}:")
        lines.append(f"  {shlex.join(['nas-kd', 'distill', found, *job])}")
        lines.append("Or search on from it, under a budget:")
        limit = document["settings"].get("macs_limit")
        budget = "macs=50%" if limit is None else f"macs={limit:.0f}"
        search = ["nas-kd", "search", "--start-with", found, *job, "--budget", budget]
        lines.append(f"  {shlex.join(search)}")
    else:
        search = ["nas-kd", "search", "--supernet", str(run), "--budget", "macs=50%"]
        if document["supernet"].get("labelled", True):
            lines.append(f"Take a student: {shlex.join(search)}")
        else:
            lines.append("Take a student, which labelled images such as folder:LABELLED judge:")
            lines.append(f"  {shlex.join([*search, '--data', 'folder:LABELLED'])}")
    return [*pretraining_tables(document), "\n".join(lines)]


def _taught_by(document: dict[str, Any]) -> str:
    """From whom the command below learns, and what may be changed of it."""
    if document["teacher"] is not None:
        return " (--epochs says how long)"
    from nas_kd.training.default_teacher import DEFAULT_TEACHER

    return (
        f" from the labels and a teacher, which is {DEFAULT_TEACHER}, trained on these data, "
        "unless --teacher names yours (--epochs says how long)"
    )


def _job_flags(document: dict[str, Any]) -> list[str]:
    """The same job for other commands, in the network that is delivered.

    All options of the space are told, as those of a recipe would hold otherwise. What shapes only
    the network of the search is at the space's default.
    """
    from inspect import signature

    from nas_kd.training.pretraining import METHODS
    from search_spaces import SPACES

    space = document["space"]
    of_search = METHODS.get(document["method"]).skeletons.get(space, {})
    given = {n: v for n, v in document["space_options"].items() if n not in of_search}
    known = {n: option.default for n, option in signature(SPACES.get(space)).parameters.items()}
    words = ["--space", space]
    for name, value in {**known, **given}.items():
        words += ["--space-option", f"{name}={value}"]
    for name in ("data", "teacher", "checkpoint", "image_size", "seed"):
        if document[name] is not None:
            words += [f"--{name.replace('_', '-')}", str(document[name])]
    return words
