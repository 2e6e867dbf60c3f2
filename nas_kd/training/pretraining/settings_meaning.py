"""What settings mean, as the docstrings of their types tell it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping

from nas_kd.training.pretraining.method import Method

_SECTION = re.compile(r"^Attributes:\n((?:[ \t].*\n|\n)*)", re.MULTILINE)
_ENTRY = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


def setting_meanings(method: Method) -> Mapping[str, str]:
    """Name to meaning of every setting of a method, see `meanings_of`."""
    return meanings_of(type(method.settings()))


def meanings_of(settings: type) -> Mapping[str, str]:
    """Name to meaning of every field of a type of settings, each in one line without markup.

    A type tells its own settings under ``Attributes`` of its docstring, and those that it inherits
    where their meaning is another.
    """
    return {
        name: meaning for kind in reversed(settings.__mro__) for name, meaning in _attributes(kind)
    }


def _attributes(kind: type) -> Iterator[tuple[str, str]]:
    section = _SECTION.search(inspect.cleandoc(kind.__doc__ or "") + "\n")
    for name, text in _ENTRY.findall(section[1]) if section else ():
        yield name, " ".join(text.replace("`", "").split())
