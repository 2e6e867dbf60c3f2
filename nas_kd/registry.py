"""One registry for every kind of component: spaces, proxies, distillers, samplers, methods."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from nas_kd.errors import UsageError

Component = TypeVar("Component")


class Registry(Generic[Component]):
    """Components of one kind by name, in the order in which they were registered.

    Third parties add theirs through the entry-point group ``nas_kd.<kind>``: each entry point
    names an object of the kind, registered under the entry point's name on the first look-up.

    Args:
        kind: Plural noun used in messages and as the entry-point group's suffix (``"proxies"``).
        wanted: What such an object is, in words.
        accepts: Whether an object of another package is one.
    """

    def __init__(
        self,
        kind: str,
        *,
        wanted: str = "anything",
        accepts: Callable[[object], bool] = lambda component: True,
    ) -> None:
        self.kind = kind
        self._wanted = wanted
        self._accepts = accepts
        self._components: dict[str, Component] = {}
        self._entry_points_loaded = False

    def register(self, name: str, component: Component) -> Component:
        """Adds a component; a name can be taken only once."""
        if name in self._components:
            raise UsageError(
                f"{self.kind}: the name {name!r} is registered twice; rename one of the two."
            )
        self._components[name] = component
        return component

    def get(self, name: str) -> Component:
        """Returns the component called ``name``; an unknown name is an error with a suggestion."""
        self._load_entry_points()
        if name not in self._components:
            raise UsageError(unknown_name(self.kind, name, self.names()))
        return self._components[name]

    def names(self) -> list[str]:
        self._load_entry_points()
        return list(self._components)

    def items(self) -> Iterator[tuple[str, Component]]:
        self._load_entry_points()
        yield from self._components.items()

    def __contains__(self, name: object) -> bool:
        self._load_entry_points()
        return name in self._components

    def _load_entry_points(self) -> None:
        if self._entry_points_loaded:
            return
        found: dict[str, Component] = {}
        for entry_point in entry_points(group=f"nas_kd.{self.kind}"):
            if entry_point.name in self._components or entry_point.name in found:
                raise UsageError(
                    f"{self.kind}: the name of the entry point {entry_point.name!r} "
                    f"({entry_point.value}) is taken by another one. Rename it and its object, or "
                    "uninstall that package."
                )
            found[entry_point.name] = self._load(entry_point)
        self._entry_points_loaded = True
        for name, component in found.items():
            self.register(name, component)

    def _load(self, entry_point: EntryPoint) -> Component:
        try:
            component: Component = entry_point.load()
        except (Exception, SystemExit) as error:
            raise UsageError(
                f"{self.kind}: {entry_point.name!r} ({entry_point.value}) cannot be loaded "
                f"({type(error).__name__}: {error}). Mend or uninstall that package."
            ) from error
        self._require_one(entry_point, component)
        return component

    def _require_one(self, entry_point: EntryPoint, component: object) -> None:
        """Raises `UsageError` where the object is of another kind or says another name."""
        named = f"{self.kind}: the entry point {entry_point.name!r} ({entry_point.value})"
        if not self._accepts(component):
            raise UsageError(
                f"{named} is {_what_it_is(component)}; it should be {self._wanted}. Mend or "
                "uninstall that package."
            )
        name = getattr(component, "name", None)
        if isinstance(name, str) and name != entry_point.name:
            raise UsageError(
                f"{named} calls itself {name!r}; give the entry point and its object one name. "
                "Mend or uninstall that package."
            )


def _what_it_is(component: object) -> str:
    """``a function``, ``the class Margin``, ``of type Proxy``."""
    if isinstance(component, type):
        return f"the class {component.__name__}"
    if inspect.isroutine(component):
        return "a function"
    return f"of type {type(component).__name__}"


def unknown_name(kind: str, name: str, known: list[str]) -> str:
    """The message for a name that is not among ``known``, with the nearest one suggested."""
    near = difflib.get_close_matches(name, known, n=1)
    suggestion = f" Did you mean {near[0]!r}?" if near else ""
    return f"{kind}: there is no {name!r}.{suggestion} Known: {', '.join(known)}."
