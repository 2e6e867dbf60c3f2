"""Flags over a recipe: what the command line changes in the TOML file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.cli.console import note
from nas_kd.errors import UsageError

if TYPE_CHECKING:
    from studies.recipe import Recipe

DEMONSTRATION = "digits"
"""The recipe that runs where the user names no job of their own."""


def resolve_recipe(
    config: str | None,
    changes: Mapping[str, Any],
    *,
    space: str | None = None,
    space_options: Sequence[str] = (),
) -> Recipe:
    """The recipe ``config`` with the flags laid over it.

    Without ``config``, data, a teacher or a space of the user's own are laid over the defaults of
    `Recipe`; where none of them is named either, the flags change the embedded digits job.

    Args:
        config: TOML file or name of a shipped recipe.
        changes: Dotted setting to value; None leaves the recipe's value.
        space: Another space. The recipe's options of its own space do not carry over to it.
        space_options: ``name=number`` texts, laid over the recipe's options of the same space.
    """
    from studies.recipe_files import parse_recipe, read_settings

    _check_pairs(config, changes)
    own = is_own_job(config, changes, space)
    settings = {} if own else read_settings(config or DEMONSTRATION)
    parse_recipe(settings)
    return _laid_over(settings, changes, space, space_options)


def is_own_job(config: str | None, changes: Mapping[str, Any], space: str | None) -> bool:
    """Whether flags alone name a job that is not the embedded one."""
    named = (changes.get("data.source"), changes.get("teacher.source"), space)
    return config is None and any(named)


def tell_defaults(
    recipe: Recipe, config: str | None, changes: Mapping[str, Any], *, space: str | None
) -> None:
    """Says in one line on stderr what a job of the user's own takes because nobody named it.

    Of the settings in ``changes``, which are those that the verb has flags for.
    """
    if not is_own_job(config, changes, space):
        return
    epochs, minutes = recipe.short_distillation
    short = f"{epochs} epoch(s)" if minutes is None else f"{minutes:g} minutes"
    defaults = {
        "data.source": f"data {recipe.data.source}",
        "teacher.source": f"teacher {recipe.teacher.source}, trained on these data",
        "space.name": f"space {recipe.space.name}",
        "budget.limits": "no budget",
        "search.trials": f"{recipe.search.trials or 'all'} trials",
        "distill.epochs": f"{recipe.distill.epochs} epoch(s)",
        "finalists": f"{recipe.finalists.count} finalists, distilled for {short} each",
    }
    asked = {**changes, "space.name": space}
    if "search.trials" in changes:
        asked["finalists"] = None
    if changes.get("distill.minutes"):
        asked["distill.epochs"] = 0
    taken = [text for name, text in defaults.items() if asked.get(name, "") is None]
    if taken:
        note(f"Not given, so taken by default: {'; '.join(taken)}.")


def lay_over(
    recipe: Recipe,
    changes: Mapping[str, Any],
    *,
    space: str | None = None,
    space_options: Sequence[str] = (),
) -> Recipe:
    """A validated copy of ``recipe`` with the changes of `resolve_recipe`."""
    return _laid_over(recipe.model_dump(mode="json"), changes, space, space_options)


def _laid_over(
    settings: dict[str, Any],
    changes: Mapping[str, Any],
    space: str | None,
    space_options: Sequence[str],
) -> Recipe:
    from studies.recipe import SpaceSection, TeacherSection
    from studies.recipe_files import parse_recipe

    if changes.get("distill.epochs") and changes.get("distill.minutes"):
        raise UsageError("--epochs and --minutes: both say how long to distil; keep one.")
    section, teacher = settings.setdefault("space", {}), settings.setdefault("teacher", {})
    if space is not None and space != section.get("name", SpaceSection().name):
        section |= {"name": space, "options": {}}
    section["options"] = section.get("options", {}) | dict(map(parse_option, space_options))
    if changes.get("teacher.source") not in (None, teacher.get("source", TeacherSection().source)):
        teacher["checkpoint"] = None
    for dotted, value in changes.items():
        if value is not None:
            _set(settings, dotted, value)
    return parse_recipe(settings)


def proxy_changes(proxies: str | None, fusion: str | None) -> dict[str, Any]:
    """What ``--proxies`` and ``--fusion`` set: presets among the proxies bring their fusion."""
    from studies.fusions import with_presets

    names = parse_names("--proxies", proxies)
    given = {"proxies": names, "fusion": fusion}
    try:
        found = with_presets({name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        raise UsageError(f"--proxies: {error}, or with --fusion.") from error
    return {f"search.{name}": value for name, value in found.items()}


def setting_changes(
    seed: int | None,
    teacher: str | None,
    checkpoint: Path | None,
    data: str | None,
    image_size: int | None,
    device: str | None,
    threads: int | None,
) -> dict[str, Any]:
    """What the flags that search, rank, profile and distill share change in a recipe."""
    return {
        "seed": seed,
        "teacher.source": teacher,
        "teacher.checkpoint": str(checkpoint) if checkpoint else None,
        "data.source": data,
        "data.image_size": image_size,
        "budget.device": device,
        "budget.threads": threads,
    }


def setting_pairs(settings: Sequence[str] | None, epochs: int | None) -> list[str]:
    """The ``name=value`` texts of ``--set``, and ``--epochs``, which is short for one of them."""
    return [*(settings or []), *([] if epochs is None else [f"epochs={epochs}"])]


def run_name(config: str | None, data: str | None) -> str:
    """The folder under ``runs/``: after the recipe, or after the data where no recipe is named."""
    if config is not None:
        return Path(config).stem
    if data is None:
        return DEMONSTRATION
    place = data.split("@")[0].rsplit(":", 1)[-1]
    return re.sub(r"[^a-z0-9]+", "-", Path(place).stem.lower()).strip("-") or "run"


def parse_option(text: str) -> tuple[str, int]:
    """``name=number``."""
    name, equals, number = text.partition("=")
    if not equals or not name.strip() or not re.fullmatch(r"[+-]?\d+", number.strip()):
        raise UsageError(
            f"--space-option: {text!r} is not NAME=WHOLE_NUMBER. Write, for example, channels=16."
        )
    return name.strip(), int(number)


def parse_names(option: str, text: str | None) -> list[str] | None:
    """``a,b,c``; None stays None."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise UsageError(f"{option}: {text!r} holds an empty name. Write names like a,b,c.")
    return names


def refuse_flags(given: Mapping[str, Any], reason: str) -> None:
    """Raises `UsageError` for flags that do not belong to what is asked for.

    Args:
        given: Flag to value; None or an empty value where it was not given.
        reason: Why, and what to do.
    """
    if wrong := [flag for flag, value in given.items() if value]:
        raise UsageError(f"{', '.join(wrong)}: {reason}")


def _check_pairs(config: str | None, changes: Mapping[str, Any]) -> None:
    if config is None and changes.get("teacher.source") and not changes.get("data.source"):
        raise UsageError(
            "--teacher: a teacher of your own needs the data that it was trained for: give both "
            "--teacher and --data (or a recipe with --config)."
        )
    if changes.get("teacher.checkpoint") and config is None and not changes.get("teacher.source"):
        raise UsageError(
            "--checkpoint: these are the weights of a teacher: give --teacher and --data too."
        )


def _set(settings: dict[str, Any], dotted: str, value: Any) -> None:
    """Sets a value; a length in epochs takes the place of one in minutes, and the other way."""
    from studies.recipe_files import set_dotted

    set_dotted(settings, dotted, value)
    section, _, leaf = dotted.rpartition(".")
    if other := {"epochs": "minutes", "minutes": "epochs"}.get(leaf):
        set_dotted(settings, f"{section}.{other}", None)
