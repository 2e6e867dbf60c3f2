"""``nas-kd profile``: a space against a budget, before any search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import typer

from nas_kd.cli import options
from nas_kd.cli.at_work import begin
from nas_kd.cli.console import print_answer, stdout_kept_clean
from nas_kd.cli.progress import watching
from nas_kd.cli.recipe_flags import resolve_recipe, setting_changes, tell_defaults
from nas_kd.errors import ExitCode

if TYPE_CHECKING:
    from rich.console import RenderableType

    from studies.recipe import Recipe


def profile(
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
    seed: options.Seed = None,
    json: options.Json = False,
) -> None:
    """Hold a space's smallest, typical and largest student against a budget.

    Nothing is searched, trained or judged: of the teacher and the data only sizes and latency
    count. Exit code 3 when the budget cannot be met.
    """
    changes = {
        **setting_changes(seed, teacher, checkpoint, data, image_size, device, threads),
        "budget.limits": budget or None,
    }
    recipe = resolve_recipe(config, changes, space=space, space_options=space_option or [])
    tell_defaults(recipe, config, changes, space=space)
    document = _run(recipe)
    print_answer(document, _results, as_json=json)
    if not document["can_be_met"]:
        raise typer.Exit(ExitCode.NO_FEASIBLE_STUDENT)


def _run(recipe: Recipe) -> dict[str, Any]:
    with (
        stdout_kept_clean(),
        watching() as observer,
        TemporaryDirectory(prefix="nas-kd-") as folder,
    ):
        begin(recipe, observer)
        from studies.run_directory import RunDirectory
        from studies.space_profile import profile_space

        run = RunDirectory.create_or_continue(Path(folder) / "profile", recipe)
        return profile_space(recipe, run, observer)


def _results(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    from nas_kd.report.profile_table import doubtful, profile_table, verdict

    yield profile_table(document)
    if (doubt := doubtful(document)) is not None:
        yield doubt
    yield verdict(document)
