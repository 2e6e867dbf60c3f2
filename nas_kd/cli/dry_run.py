"""``nas-kd search --dry-run``: the recipe is checked and printed, and nothing is done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nas_kd.cli.console import note, print_json, stdout_kept_clean

if TYPE_CHECKING:
    from studies.recipe import Recipe


def check_and_print(recipe: Recipe, directory: Path, *, as_json: bool) -> None:
    """Prints the recipe, as TOML or in a JSON document with where its run would live.

    Raises:
        NasKdError: No search can be made of it.
    """
    _check(recipe)
    _print(recipe, directory, as_json=as_json)


def _check(recipe: Recipe) -> None:
    with stdout_kept_clean():
        from studies.preflight import check_recipe

        check_recipe(recipe)
    note(
        "Not checked: whether data and teacher can be loaded and fit each other and the proxies, "
        "and whether the budget can be met (nas-kd profile)."
    )


def _print(recipe: Recipe, directory: Path, *, as_json: bool) -> None:
    from nas_kd.report.toml_text import to_toml

    settings = recipe.model_dump(mode="json", exclude_none=True)
    if as_json:
        print_json({"schema": "nas-kd.recipe/1", "run_dir": str(directory), "recipe": settings})
    else:
        typer.echo(f"# nas-kd search would work in {directory} with this recipe.")
        typer.echo(to_toml(settings), nl=False)
