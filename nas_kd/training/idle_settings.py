"""Settings that others leave without effect."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from nas_kd.errors import UsageError


def refuse_idle(
    settings: Any, names: Iterable[str], reason: str, *, where: str = "pretrain"
) -> None:
    """Raises `UsageError` where one of ``names``, which have no effect, is not at its default.

    Args:
        settings: A dataclass whose fields all have defaults.
        names: Of its fields.
        reason: Why they have no effect, for the message.
        where: What they are settings of, for the message.
    """
    defaults = {field.name: field.default for field in dataclasses.fields(settings)}
    for name in names:
        if (value := getattr(settings, name)) != defaults[name]:
            raise UsageError(
                f"{where}: {name}={value} would have no effect: {reason}. Leave it out."
            )
