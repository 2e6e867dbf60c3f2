"""The registry of spaces, and the one way to make a space from names and numbers."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from nas_kd.errors import UsageError
from nas_kd.registry import Registry, unknown_name
from search_spaces._space import SearchSpace

SpaceFactory = Callable[..., SearchSpace]
"""Makes a space; takes only keyword options that are integers with defaults."""


def _is_factory(found: object) -> bool:
    """Whether it can be called, and every option has an integer to begin with."""
    if not callable(found):
        return False
    try:
        options = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return False
    return all(
        option.kind in (option.POSITIONAL_OR_KEYWORD, option.KEYWORD_ONLY)
        and isinstance(option.default, int)
        and not isinstance(option.default, bool)
        for option in options
    )


SPACES: Registry[SpaceFactory] = Registry(
    "spaces",
    wanted="a class or function that makes a search_spaces.SearchSpace, and whose options are "
    "integers with defaults",
    accepts=_is_factory,
)


def space_options(name: str) -> dict[str, int]:
    """The options of the registered space called ``name``, with their defaults.

    Raises:
        UsageError: The name is unknown.
    """
    parameters = inspect.signature(SPACES.get(name)).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}


def create_space(name: str, **options: int) -> SearchSpace:
    """The registered space called ``name`` with its options set.

    Raises:
        UsageError: The name or an option is unknown, an option's value is out of range, or what
            its factory made is no `SearchSpace` of that name.
    """
    factory = SPACES.get(name)
    known = list(space_options(name))
    for option, value in options.items():
        if option not in known:
            raise UsageError(unknown_name(f"options of {name}", option, known))
        if not isinstance(value, int) or isinstance(value, bool):
            raise UsageError(f"{name}: option {option} is {value!r}; give an integer.")
    space = factory(**options)
    if not isinstance(space, SearchSpace):
        wanted = [member for member in vars(SearchSpace) if not member.startswith("_")]
        missing = [member for member in wanted if not hasattr(space, member)]
        raise UsageError(
            f"spaces: {name} made a {type(space).__name__}, which lacks {', '.join(missing)} of "
            "search_spaces.SearchSpace. Mend or uninstall that package."
        )
    if space.name != name:
        raise UsageError(
            f"spaces: {name} made a space that calls itself {space.name!r}; give the two one name. "
            "Mend or uninstall that package."
        )
    return space
