"""Settings of a method from texts like ``epochs=50``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, get_args, get_type_hints

from nas_kd.errors import UsageError
from nas_kd.registry import unknown_name
from nas_kd.training.pretraining.method import Method, Settings

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_WORDS = {int: "a whole number", float: "a number", bool: "true or false"}


def parse_settings(method: Method, pairs: Iterable[str]) -> Settings:
    """The method's settings, with the ``name=value`` texts laid over its defaults.

    Raises:
        UsageError: A name is unknown, or a value is not of its type or out of range.
    """
    return method.settings(**parse_values(method.name, setting_kinds(method), pairs))


def parse_values(what: str, kinds: Mapping[str, Any], pairs: Iterable[str]) -> dict[str, Any]:
    """The ``name=value`` texts as values by name.

    Args:
        what: Whose settings they are, for messages.
        kinds: Name to type of every setting.
        pairs: The texts.

    Raises:
        UsageError: A name is unknown, or a value is not of its type.
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"--set: {pair!r} is not NAME=VALUE. Write, for example, epochs=50.")
        name = name.strip()
        if name not in kinds:
            raise UsageError(unknown_name(f"settings of {what}", name, list(kinds)))
        values[name] = _value(name, text.strip(), kinds[name])
    return values


def setting_kinds(method: Method) -> Mapping[str, Any]:
    """Name to type of every setting."""
    return kinds_of(method.settings)


def setting_defaults(method: Method) -> Mapping[str, Any]:
    """Name to default of every setting."""
    settings: Any = method.settings()
    return dataclasses.asdict(settings)


def kinds_of(settings: Any) -> Mapping[str, Any]:
    """Name to type of every field of a dataclass of settings."""
    hints = get_type_hints(settings)
    return {field.name: hints[field.name] for field in dataclasses.fields(settings)}


def _value(name: str, text: str, kind: Any) -> Any:
    """``text`` as a value of ``kind``, which may be a union with None (written ``none``)."""
    choices = get_args(kind) or (kind,)
    if type(None) in choices and text.lower() == "none":
        return None
    kind = next(choice for choice in choices if choice is not type(None))
    try:
        return _TRUTH[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        raise UsageError(f"--set {name}: {text!r} is not {_WORDS[kind]}.") from None
