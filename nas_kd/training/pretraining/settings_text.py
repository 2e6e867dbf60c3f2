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
    kinds = setting_kinds(method)
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"--set: {pair!r} is not NAME=VALUE. Write, for example, epochs=50.")
        name = name.strip()
        if name not in kinds:
            raise UsageError(unknown_name(f"settings of {method.name}", name, list(kinds)))
        values[name] = _value(name, text.strip(), kinds[name])
    return method.settings(**values)


def setting_kinds(method: Method) -> Mapping[str, Any]:
    """Name to type of every setting."""
    hints = get_type_hints(method.settings)
    return {field.name: hints[field.name] for field in dataclasses.fields(method.settings)}  # type: ignore[arg-type]


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
