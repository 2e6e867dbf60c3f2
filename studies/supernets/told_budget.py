"""A budget as a document tells it."""

from __future__ import annotations

from typing import Any

from nas_kd.costs import Budget, Limits


def told_budget(budget: Budget, counted: Limits, of: str) -> dict[str, Any]:
    """The budget as asked for, what its shares are of, and its counted part in numbers.

    Args:
        budget: As asked for.
        counted: Its limits on ``macs`` and ``params``.
        of: In words.
    """
    return {"limits": [entry.text for entry in budget.entries], "of": of, **counted.values}
