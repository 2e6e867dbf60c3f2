"""How data and teachers are named: ``kind:target?option=value&option=value``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from nas_kd.errors import UsageError
from nas_kd.registry import unknown_name

OptionValue = bool | int | float | str

_OPTIONS = re.compile(r"\?(\w+=[^?&=]*(?:&\w+=[^?&=]*)*)$")
_IMPORT_PATH = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")


@dataclass(frozen=True)
class SourceSpec:
    """A parsed specification.

    Attributes:
        text: The specification as it was given.
        kind: What stands before the first colon (``"timm"``), or the whole text without options.
        target: What stands between the colon and the options (``"resnet18"``).
        options: The options after ``?``, with ``true``, ``false`` and numbers converted.
    """

    text: str
    kind: str
    target: str
    options: dict[str, OptionValue] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> SourceSpec:
        """Splits ``text``; it is not checked whether the kind or the options exist."""
        options: dict[str, OptionValue] = {}
        body = text.strip()
        if match := _OPTIONS.search(body):
            pairs = (pair.split("=", 1) for pair in match.group(1).split("&"))
            options = {name: _convert(value) for name, value in pairs}
            body = body[: match.start()]
        kind, _, target = body.partition(":")
        return cls(text, kind, target, options)

    @property
    def is_import_path(self) -> bool:
        """Whether the specification reads ``package.module:attribute``."""
        return _IMPORT_PATH.match(f"{self.kind}:{self.target}") is not None

    def require_options(self, known: Iterable[str]) -> None:
        """Raises `UsageError` for an option that is not among ``known``."""
        names = list(known)
        for name in self.options:
            if name not in names:
                raise UsageError(unknown_name(f"options of {self.kind}", name, names or ["(none)"]))

    def flag(self, name: str, default: bool) -> bool:
        """The option ``name`` as true or false."""
        value = self.options.get(name, default)
        if not isinstance(value, bool):
            raise UsageError(
                f"{self.text}: {name} is {value!r}; write {name}=true or {name}=false."
            )
        return value

    def integer(self, name: str) -> int | None:
        """The option ``name`` as a positive integer, or None where it is not given."""
        value = self.options.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise UsageError(f"{self.text}: {name} is {value!r}; give a positive integer.")
        return value

    def word(self, name: str) -> str | None:
        """The option ``name`` as text, or None where it is not given."""
        value = self.options.get(name)
        return None if value is None else str(value)


def _convert(text: str) -> OptionValue:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
