"""The user's own code by import path: ``package.module:factory``.

An import path runs the module that it names. It is meant for the user's own code only.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nas_kd.errors import NasKdError, UsageError

_WHERE_MODULES_ARE = (
    "Give package.module:factory, importable from the working directory or installed."
)


def call_factory(path: str, *, role: str, **offered: Any) -> Any:
    """Imports ``package.module:factory`` and calls it.

    The working directory comes first in the search for the module, as with ``python -m``. The
    factory is given those of ``offered`` that its signature names.

    Args:
        path: Module and attribute, separated by a colon.
        role: What the factory makes (``"teacher"``), for messages.
        **offered: Keyword arguments that the factory may take.

    Returns:
        What the factory returned.

    Raises:
        UsageError: The module or attribute does not exist, the factory needs other arguments, or
            it failed.
    """
    with _working_directory_importable():
        factory = _import(path, role)
        try:
            return factory(**_accepted(factory, path, role, offered))
        except NasKdError:
            raise
        except Exception as error:
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
    except Exception as error:
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


def _accepted(
    factory: Callable[..., Any], path: str, role: str, offered: dict[str, Any]
) -> dict[str, Any]:
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return {}
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    required = [p.name for p in named if p.default is p.empty and p.name not in offered]
    required += [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY and p.default is p.empty]
    if required:
        raise UsageError(
            f"{role}: {path} needs {', '.join(required)}, which cannot be given here. A factory "
            f"may ask for {', '.join(offered)}; give every other argument a default."
        )
    return {p.name: offered[p.name] for p in named if p.name in offered}


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
