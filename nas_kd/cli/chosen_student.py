"""Which student ``nas-kd distill`` trains: read from a directory or a text, with its recipe."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas_kd.cli.outside_code import refuse_outside_code
from nas_kd.cli.student_folders import best_student
from nas_kd.errors import UsageError
from nas_kd.export.file_names import CONFIG, MANIFEST

if TYPE_CHECKING:
    from search_spaces import Arch
    from studies.recipe import Recipe
    from studies.starting_weights import StartingWeights


@dataclass(frozen=True)
class ChosenStudent:
    """What is trained, how, and from which weights, if not anew.

    Attributes:
        arch: As JSON or in the space's own notation.
        recipe: By which it is trained.
        start: None where it is trained anew, as the recipe's ``init`` says.
        learned: The data that those weights know.
    """

    arch: str
    recipe: Recipe
    start: StartingWeights | None = None
    learned: tuple[str, ...] = ()


def choose_student(
    student: str,
    config: str | None,
    changes: dict[str, Any],
    space: str | None,
    space_options: list[str],
) -> ChosenStudent:
    """The student that a command line names.

    Args:
        student: A student directory, a run, or an architecture as text.
        config: A recipe's name or file.
        changes: What flags change in the recipe, by dotted name; None where one was not given.
        space: The space of an architecture given as text.
        space_options: Its options, each ``name=number``.

    Raises:
        UsageError: The directory cannot be read, a flag does not belong to it, or the student would
            be judged on images that its weights have learned.
    """
    from nas_kd.cli.recipe_flags import lay_over, resolve_recipe, tell_defaults

    if not os.path.isdir(student):  # unlike Path.is_dir, False for a text too long for a path
        if config is None:  # the budget of the embedded search is none for a chosen student
            changes = {**changes, "budget.limits": changes["budget.limits"] or []}
        recipe = resolve_recipe(config, changes, space=space, space_options=space_options)
        tell_defaults(recipe, config, changes, space=space)
        return ChosenStudent(student, recipe)
    if space is not None or space_options:
        raise UsageError("--space: the student directory already says which space it is from.")
    base = _read_student(Path(student), has_teacher=bool(config or changes["teacher.source"]))
    if config is None:
        recipe = lay_over(base.recipe, changes)
        refuse_outside_code(student, recipe, changes)
    else:
        named = {"space.name": base.recipe.space.name, "space.options": base.recipe.space.options}
        recipe = resolve_recipe(config, changes | named)
    for known in base.learned:
        _require_same_split(student, recipe, base.recipe, known)
    return replace(base, recipe=recipe)


def parse_arch(recipe: Recipe, text: str) -> Arch:
    """The canonical form of an architecture given as JSON or in the space's own notation.

    Raises:
        UsageError: It is none, nor is there a folder of that name, which a student might lie in.
    """
    from studies.recipe_space import space_of

    space = space_of(recipe)
    try:
        return space.canonical(space.parse(text))
    except UsageError as error:
        raise UsageError(f"distill: no such folder, and no such architecture. {error}") from error


def _read_student(path: Path, *, has_teacher: bool) -> ChosenStudent:
    """The student's architecture as JSON, and the recipe by which it was made.

    Args:
        path: A student or a run.
        has_teacher: Whether the user names a teacher.
    """
    from studies.recipe_files import parse_recipe
    from studies.starting_weights import StartingWeights, recipe_of_pretraining

    directory = best_student(path)
    try:
        config = json.loads((directory / CONFIG).read_text(encoding="utf-8"))
        manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        arch, pretraining = json.dumps(config["arch"]), manifest.get("pretraining")
        if pretraining is None:
            return ChosenStudent(arch, parse_recipe(manifest["recipe"]))
        judged_on = (config.get("provenance") or {}).get("data")
        recipe = recipe_of_pretraining(pretraining, judged_on)
        start = StartingWeights.of(directory)
        learned = tuple(dict.fromkeys([pretraining["data"], recipe.data.source]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"student: {directory} cannot be read ({type(error).__name__}: {error}). Give its "
            "architecture as text instead, with --space, --teacher and --data."
        ) from error
    if not (has_teacher or pretraining.get("teacher") or recipe.data.source == "digits"):
        raise UsageError(
            f"--teacher: the supernet of {directory} was trained without one. Name the teacher "
            "that the student is to learn from."
        )
    return ChosenStudent(arch, recipe, start, learned)


def _require_same_split(student: str, recipe: Recipe, pretraining: Recipe, known: str) -> None:
    """Refuses to judge a student on images that its weights have learned."""
    from nas_kd.source_spec import SourceSpec

    now, then = (SourceSpec.parse(source) for source in (recipe.data.source, known))
    seed, share = pretraining.seed, pretraining.data.validation_share
    is_same = (recipe.seed, recipe.data.validation_share) == (seed, share)
    if is_same or (now.kind, now.target) != (then.kind, then.target):
        return
    raise UsageError(
        f"distill: the weights of {student} have learned {then.text}, split with seed {seed} and "
        f"validation_share {share}; otherwise split, the student would be judged on images that "
        f"they know. Keep both (--seed {seed}), or give the architecture as text to train it anew."
    )
