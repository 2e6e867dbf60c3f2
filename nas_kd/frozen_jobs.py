"""What decides the result of a run, as JSON values by name, and how two of them differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def changed_names(kept: Mapping[str, Any], job: Mapping[str, Any]) -> list[str]:
    """The names of all that differs, in the order of ``job``; one that is missing counts as None.

    Where both hold names and values under one name, such as the settings, those inside that differ
    are told, as ``settings.epochs``.
    """
    changed = []
    for name in dict.fromkeys([*job, *kept]):
        before, now = kept.get(name), job.get(name)
        if isinstance(before, Mapping) and isinstance(now, Mapping):
            changed += [f"{name}.{inside}" for inside in changed_names(before, now)]
        elif before != now:
            changed.append(name)
    return changed
