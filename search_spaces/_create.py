"""The registry of spaces, and the one way to make a space from names and numbers."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from nas_kd.errors import UsageError
from nas_kd.registry import Registry, unknown_name
from search_spaces._space import SearchSpace

SpaceFactory = Callable[..., SearchSpace]
"""Makes a space; takes only keyword options that are integers with defaults."""

SPACES: Registry[SpaceFactory] = Registry("spaces")


def create_space(name: str, **options: int) -> SearchSpace:
    """The registered space called ``name`` with its options set.

    Raises:
        UsageError: The name or an option is unknown, or an option's value is out of range.
    """
    factory = SPACES.get(name)
    known = list(inspect.signature(factory).parameters)
    for option, value in options.items():
        if option not in known:
            raise UsageError(unknown_name(f"options of {name}", option, known))
        if not isinstance(value, int) or isinstance(value, bool):
            raise UsageError(f"{name}: option {option} is {value!r}; give an integer.")
    return factory(**options)
