"""The user's own code by import path: ``package.module:factory``.

An import path runs the module that it names. It is meant for the user's own code only.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nas_kd.errors import NasKdError, UsageError
from nas_kd.registry import unknown_name

_WHERE_MODULES_ARE = (
    "Give package.module:factory, importable from the working directory or installed."
)


def call_factory(path: str, *, role: str, options: Mapping[str, Any], **offered: Any) -> Any:
    """Imports ``package.module:factory`` and calls it.

    The working directory comes first in the search for the module, as with ``python -m``. The
    factory is given all ``options``, and those of ``offered`` that its signature names.

    Args:
        path: Module and attribute, separated by a colon.
        role: What the factory makes (``"teacher"``), for messages.
        options: What the user wrote behind the path (``?name=value``).
        **offered: Keyword arguments that the factory may take.

    Returns:
        What the factory returned.

    Raises:
        UsageError: The module or attribute does not exist, the factory needs other arguments or
            does not take an option, an option has the name of what is offered, or it failed.
    """
    with _working_directory_importable():
        factory = _import(path, role)
        try:
            return factory(**_arguments(factory, path, role, options, offered))
        except NasKdError:
            raise
        except (Exception, SystemExit) as error:
            raise UsageError(
                f"{role}: {path} raised {type(error).__name__}: {error}. "
                f"Call it in Python to see where."
            ) from error


def require_module(path: str, role: str) -> None:
    """Raises `UsageError` where there is no such package; nothing of it is imported."""
    module_name = path.partition(":")[0]
    package = module_name.partition(".")[0]
    with _working_directory_importable():
        if package not in sys.modules and importlib.util.find_spec(package) is None:
            raise UsageError(
                f"{role}: the module {module_name!r} of {path!r} cannot be imported (there is no "
                f"{package!r}). {_WHERE_MODULES_ARE}"
            )


def _import(path: str, role: str) -> Callable[..., Any]:
    module_name, _, attribute = path.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"{role}: the module {module_name!r} of {path!r} cannot be imported "
            f"({type(error).__name__}: {error}). {_WHERE_MODULES_ARE}"
        ) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise UsageError(f"{role}: {module_name!r} has no {attribute!r}; name a factory in it.")
        found = getattr(found, part)
    if not callable(found):
        raise UsageError(f"{role}: {path} is a {type(found).__name__}; name a function or class.")
    return found  # type: ignore[no-any-return]


def _arguments(
    factory: Callable[..., Any],
    path: str,
    role: str,
    options: Mapping[str, Any],
    offered: Mapping[str, Any],
) -> dict[str, Any]:
    parameters = _parameters(factory)
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    names = [p.name for p in named]
    any_option = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for option in options:
        if option in offered:
            raise UsageError(
                f"{role}: {option} is no option of {path}: the recipe, its flags and the data "
                f"decide it. Leave {option}={options[option]} out."
            )
        if option not in names and not any_option:
            own = [name for name in names if name not in offered]
            raise UsageError(unknown_name(f"{role}: options of {path}", option, own or ["(none)"]))
    given = {name: offered[name] for name in names if name in offered} | dict(options)
    required = [p.name for p in named if p.default is p.empty and p.name not in given]
    required += [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY and p.default is p.empty]
    if required:
        raise UsageError(
            f"{role}: {path} needs {', '.join(required)}. A factory may ask for "
            f"{', '.join(offered)}; give every other argument a default, or its value behind the "
            f"name: {path}?{required[0]}=VALUE."
        )
    return given


def _parameters(factory: Callable[..., Any]) -> list[inspect.Parameter]:
    """Those of its signature; none where it has no signature that can be read."""
    try:
        return list(inspect.signature(factory).parameters.values())
    except (TypeError, ValueError):
        return []


@contextmanager
def _working_directory_importable() -> Iterator[None]:
    """Searches the working directory first inside the block, and last ever after."""
    here = os.getcwd()
    known = here in sys.path or "" in sys.path
    if not known:
        sys.path.insert(0, here)
    try:
        yield
    finally:
        if not known and sys.path[0] == here:
            sys.path.append(sys.path.pop(0))
