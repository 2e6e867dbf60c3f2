"""``nas-kd list``: what can be named in a recipe, with its needs and its source."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer

from nas_kd.cli import options
from nas_kd.cli.console import print_json, print_results, stdout_kept_clean
from nas_kd.cli.kept_lists import kept_list
from nas_kd.errors import UsageError
from nas_kd.registry import unknown_name

SCHEMA = "nas-kd.list/1"
_NOT_IN_TABLES = {"batch", "differs", "initialisation", "input", "settings"}


class Kind(StrEnum):
    """What can be listed."""

    SPACES = "spaces"
    PROXIES = "proxies"
    DISTILLERS = "distillers"
    SAMPLERS = "samplers"
    METHODS = "methods"
    RECIPES = "recipes"


def list_components(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Only this one, and all that is known.")
    ] = None,
    json: options.Json = False,
) -> None:
    """List spaces, proxies, distillers, samplers, pre-training methods or recipes."""
    with stdout_kept_clean():
        entries = kept_list(kind.value, _LISTERS[kind])
        if name is not None:
            entries = [_named(name, kind, entries)]
    if json:
        print_json({"schema": SCHEMA, kind.value: entries})
    else:
        print_results(_table(entries) if name is None else _facts(entries[0]))


def _named(name: str, kind: Kind, entries: list[dict[str, Any]]) -> dict[str, Any]:
    by_name = {entry["name"]: entry for entry in entries}
    if name not in by_name:
        raise UsageError(unknown_name(kind.value, name, list(by_name)))
    return by_name[name]


def _spaces() -> list[dict[str, Any]]:
    import inspect

    from search_spaces import SPACES, Task, create_space

    entries = []
    for name, factory in SPACES.items():
        space = create_space(name)
        parameters = inspect.signature(factory).parameters.values()
        entries.append(
            {
                "name": name,
                "reads": "images" if space.task_type is Task else "text",
                "size": space.size,
                "genes": len(space.distributions),
                "options": {parameter.name: parameter.default for parameter in parameters},
                "source": space.source,
            }
        )
    return entries


def _proxies() -> list[dict[str, Any]]:
    from proxies import PROXIES

    return [
        {
            "name": name,
            "needs": sorted(proxy.needs),
            "cost": proxy.cost,
            "initialisation": proxy.initialisation,
            "batch": proxy.batch,
            "input": proxy.input,
            "ours": proxy.ours,
            "source": proxy.source,
            "deviation": proxy.deviation,
        }
        for name, proxy in PROXIES.items()
    ]


def _distillers() -> list[dict[str, Any]]:
    from nas_kd.distill import DISTILLERS

    return [
        {
            "name": name,
            "needs": sorted(distiller.needs),
            "source": distiller.source,
            "deviation": distiller.deviation,
        }
        for name, distiller in DISTILLERS.items()
    ]


def _samplers() -> list[dict[str, Any]]:
    from studies.samplers import SAMPLERS

    return [
        {"name": name, "covers_space": entry.covers_space, "source": entry.source}
        for name, entry in SAMPLERS.items()
    ]


def _methods() -> list[dict[str, Any]]:
    from nas_kd.training.pretraining import METHODS, setting_defaults

    return [
        {
            "name": name,
            "does": method.summary,
            "spaces": list(method.spaces),
            "source": method.source,
            "differs": method.deviation,
            "settings": setting_defaults(method),
        }
        for name, method in METHODS.items()
    ]


def _recipes() -> list[dict[str, Any]]:
    from studies.recipe import load_recipe, shipped_recipes

    entries = []
    for name, text in shipped_recipes().items():
        recipe = load_recipe(name)
        entries.append(
            {
                "name": name,
                "teacher": recipe.teacher.source,
                "data": recipe.data.source,
                "space": recipe.space.name,
                "budget": list(recipe.budget.limits),
                "about": text.splitlines()[0].lstrip("# "),
            }
        )
    return entries


_LISTERS: dict[Kind, Callable[[], list[dict[str, Any]]]] = {
    Kind.SPACES: _spaces,
    Kind.PROXIES: _proxies,
    Kind.DISTILLERS: _distillers,
    Kind.SAMPLERS: _samplers,
    Kind.METHODS: _methods,
    Kind.RECIPES: _recipes,
}


def _table(entries: list[dict[str, Any]]) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    shown = [
        column
        for column in (entries[0] if entries else {"nothing is registered": ""})
        if column not in _NOT_IN_TABLES and any(_cell(entry[column]) for entry in entries)
    ]
    for column in shown:
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=column == "name")
    for entry in entries:
        table.add_row(*(Text(_cell(entry[column])) for column in shown))
    return table


def _facts(entry: dict[str, Any]) -> Any:
    """One entry, a line for each field, and for each part of a field that has names of its own."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for field, value in entry.items():
        title, named = field.replace("_", " "), isinstance(value, dict)
        table.add_row(title, "" if named else Text(_cell(value)))
        for name, part in value.items() if named else ():
            table.add_row(Text(f"  {name}"), Text("none" if part is None else str(part)))
    return table


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, dict):
        return ", ".join(f"{name}={part}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
