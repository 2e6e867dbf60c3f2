"""Whether settings are in range."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nas_kd.errors import UsageError

PRECISIONS = ("no", "fp16", "bf16")
"""Of mixed precision, as Accelerate names them."""


def require_number(
    settings: object,
    name: str,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    most: float = math.inf,
    below: float = math.inf,
    what: str = "pretrain",
) -> None:
    """Raises `UsageError` unless the field lies within the limits; None always does.

    Without limits it has to be finite. ``what`` the settings are of is said first.
    """
    value = getattr(settings, name)
    if value is None:
        return
    if not (least <= value <= most and above < value < below):
        limits = [
            f"{word} {limit:g}"
            for word, limit in (
                ("at least", least),
                ("above", above),
                ("at most", most),
                ("below", below),
            )
            if math.isfinite(limit)
        ]
        raise UsageError(
            f"{what}: {name} is {value}; give a finite number {' and '.join(limits)}".rstrip() + "."
        )


def require_choice(
    settings: object, name: str, choices: Sequence[str], *, what: str = "pretrain"
) -> None:
    """Raises `UsageError` unless the field is one of ``choices``."""
    value = getattr(settings, name)
    if value not in choices:
        raise UsageError(f"{what}: {name} is {value!r}; choose one of {', '.join(choices)}.")
