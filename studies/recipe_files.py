"""Recipes from TOML files and plain settings, with errors that name the setting."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from nas_kd.errors import UsageError
from nas_kd.registry import unknown_name
from studies.recipe import Recipe


def load_recipe(source: str | Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Reads a recipe and lays overrides over it.

    Args:
        source: Path of a TOML file, or the name of a recipe that ships with the suite.
        overrides: Dotted setting names to values (``{"search.trials": 100}``); None is ignored.

    Raises:
        UsageError: The file cannot be read, is not TOML, or a setting is unknown or out of range.
    """
    settings = read_settings(source)
    for dotted, value in (overrides or {}).items():
        if value is not None:
            set_dotted(settings, dotted, value)
    return parse_recipe(settings)


def parse_recipe(settings: Mapping[str, Any]) -> Recipe:
    """Validates plain settings; every error names the setting and what it should be."""
    try:
        recipe = Recipe.model_validate(settings)
    except ValidationError as error:
        raise UsageError("recipe: " + "; ".join(_explain(e) for e in error.errors())) from error
    for section in ("finalists", "distill"):
        part = getattr(recipe, section)
        if part.epochs is not None and part.minutes is not None:
            raise UsageError(f"recipe: [{section}] gives both epochs and minutes; keep one.")
    return recipe


def shipped_recipes() -> dict[str, str]:
    """Name to TOML text of the recipes that ship with the suite."""
    folder = files("studies") / "recipes"
    return {
        entry.name.removesuffix(".toml"): entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".toml")
    }


def read_settings(source: str | Path) -> dict[str, Any]:
    """The settings that a recipe gives, not yet validated and without defaults."""
    path = Path(source)
    shipped = shipped_recipes()
    if path.suffix != ".toml" and str(source) in shipped:
        text, where = shipped[str(source)], str(source)
    else:
        if path.suffix != ".toml":
            raise UsageError(unknown_name("recipes", str(source), list(shipped)))
        try:
            text, where = path.read_text(encoding="utf-8"), str(path)
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"recipe: {path} cannot be read ({error}).") from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"recipe: {where} is not valid TOML ({error}).") from error


def set_dotted(settings: dict[str, Any], dotted: str, value: Any) -> None:
    """Sets one value of plain settings by its dotted name; sections come to be where needed."""
    *parents, leaf = dotted.split(".")
    for parent in parents:
        settings = settings.setdefault(parent, {})
    settings[leaf] = value


def _explain(error: Mapping[str, Any]) -> str:
    location = [str(part) for part in error["loc"]]
    dotted = ".".join(location)
    if error["type"] == "extra_forbidden":
        return unknown_name("settings", dotted, _known_settings(location[:-1]))
    return f"{dotted} = {error['input']!r}: {error['msg']}"


def _known_settings(parents: list[str]) -> list[str]:
    model: type[BaseModel] = Recipe
    for parent in parents:
        annotation = model.model_fields[parent].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return [".".join([*parents, name]) for name in model.model_fields]
