"""Archs as the distillation tables of vision transformers write them: JSON with lists."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from search_spaces._space import IllegalArchError


def read_row(text: str, *, marker: str) -> dict[str, Any] | None:
    """The JSON object in ``text`` when it has the key ``marker``, else None."""
    try:
        row = json.loads(text)
    except ValueError:
        return None
    return row if isinstance(row, dict) and marker in row else None


def require_keys(space: str, row: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    """Raises `IllegalArchError` unless the row has exactly these keys."""
    if set(row) != set(keys):
        raise IllegalArchError(
            f"{space}: a row of the distillation table has {', '.join(keys)}; "
            f"this one has {', '.join(row)}."
        )


def require_list(space: str, row: Mapping[str, Any], key: str, length: int) -> list[Any]:
    """The row's list of ``length`` values under ``key``."""
    values = row[key]
    if not isinstance(values, list) or len(values) != length:
        raise IllegalArchError(
            f"{space}: {key} is {values!r}; give a list of {length} values, one for each part."
        )
    return values
