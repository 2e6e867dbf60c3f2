"""``nas-kd list``: what can be named in a recipe, with its needs and its source."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer

from nas_kd.cli import options
from nas_kd.cli.console import print_answer, stdout_kept_clean
from nas_kd.cli.kept_lists import kept_list
from nas_kd.cli.listing_tables import all_entries, one_entry
from nas_kd.errors import UsageError
from nas_kd.registry import unknown_name

SCHEMA = "nas-kd.list/1"


class Kind(StrEnum):
    """What can be listed."""

    SPACES = "spaces"
    PROXIES = "proxies"
    DISTILLERS = "distillers"
    SAMPLERS = "samplers"
    METHODS = "methods"
    SETTINGS = "settings"
    RECIPES = "recipes"


def list_components(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Only this one, and all that is known.")
    ] = None,
    json: options.Json = False,
) -> None:
    """List spaces, proxies, distillers, samplers, pre-training methods, settings of distill --task
    or recipes."""
    with stdout_kept_clean():
        entries = kept_list(kind.value, _LISTERS[kind])
        if name is not None:
            entries = [_named(name, kind, entries)]
    print_answer(
        {"schema": SCHEMA, kind.value: entries},
        lambda _: [all_entries(entries)] if name is None else one_entry(entries[0]),
        as_json=json,
    )


def _named(name: str, kind: Kind, entries: list[dict[str, Any]]) -> dict[str, Any]:
    by_name = {entry["name"]: entry for entry in entries}
    if name not in by_name:
        raise UsageError(unknown_name(kind.value, name, list(by_name)))
    return by_name[name]


def _spaces() -> list[dict[str, Any]]:
    from search_spaces import SPACES, Task, create_space, space_options

    entries = []
    for name in SPACES.names():
        space = create_space(name)
        entries.append(
            {
                "name": name,
                "reads": "images" if space.task_type is Task else "text",
                "size": space.size,
                "genes": len(space.distributions),
                "options": space_options(name),
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
    from nas_kd.distill import DISTILLERS, settings_of

    return [
        {
            "name": name,
            "needs": sorted(distiller.needs),
            "settings": settings_of(distiller),
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
    from nas_kd.training.pretraining import METHODS, setting_defaults, setting_meanings

    return [
        {
            "name": name,
            "does": method.summary,
            "spaces": list(method.spaces),
            "source": method.source,
            "differs": method.deviation,
            "settings": setting_defaults(method),
            "meanings": setting_meanings(method),
        }
        for name, method in METHODS.items()
    ]


def _settings() -> list[dict[str, Any]]:
    from dataclasses import asdict

    from nas_kd.training.language import EmbeddingSettings, TaskSettings
    from nas_kd.training.pretraining.settings_meaning import meanings_of

    lessons = {
        "task": (TaskSettings, "nas-kd distill STUDENT --task"),
        "embeddings": (EmbeddingSettings, "nas-kd distill STUDENT --task --embeddings"),
    }
    return [
        {
            "name": name,
            "of": command,
            "settings": asdict(kind()),
            "meanings": meanings_of(kind),
        }
        for name, (kind, command) in lessons.items()
    ]


def _recipes() -> list[dict[str, Any]]:
    from studies.recipe_files import load_recipe, shipped_recipes

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
    Kind.SETTINGS: _settings,
    Kind.RECIPES: _recipes,
}
