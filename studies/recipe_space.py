"""The space of students that a recipe names."""

from __future__ import annotations

from nas_kd.errors import UsageError
from search_spaces import Arch, SearchSpace, Task, create_space
from studies.recipe import Recipe


def space_of(recipe: Recipe) -> SearchSpace:
    """The recipe's space, with its options.

    Raises:
        UsageError: The name or an option is unknown, or its students do not classify images, which
            is what searches score and train.
    """
    space = create_space(recipe.space.name, **recipe.space.options)
    if space.task_type is not Task:
        raise UsageError(
            f"{space.name}: its students read text, and untrained ones are scored on images. Train "
            "its SuperLM first, with nas-kd pretrain, and search that."
        )
    return space


def start_archs(recipe: Recipe, space: SearchSpace) -> list[Arch]:
    """Canonical forms of the architectures that the recipe's search looks at first.

    Raises:
        UsageError: One is none of the space's, or they are more than the search has trials.
    """
    texts, trials = recipe.search.start, recipe.search.trials
    if trials is not None and len(texts) > trials:
        raise UsageError(
            f"search: {len(texts)} architectures to start with are more than its {trials} trials. "
            "Raise --trials, or leave some out."
        )
    return [space.canonical(space.parse(text)) for text in texts]
