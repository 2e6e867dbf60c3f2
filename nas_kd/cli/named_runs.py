"""Run directories for those who name none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search_spaces import Arch
    from studies.recipe import Recipe
    from studies.starting_weights import StartingWeights


def run_named_by(prefix: str, frozen: Mapping[str, Any]) -> Path:
    """A folder of its own for everything that gives another result.

    Args:
        prefix: How its name begins.
        frozen: All that decides the result, as JSON values by name.
    """
    return _run(prefix, json.dumps(frozen, sort_keys=True))


def run_of_student(recipe: Recipe, arch: Arch, start: StartingWeights | None) -> Path:
    """A folder of its own for the distillation of every architecture, by every recipe and start."""
    weights = "" if start is None else f" {start.sha256}"
    return _run("distill", f"{arch.key} {recipe.to_json()}{weights}")


def _run(prefix: str, deciding: str) -> Path:
    digest = hashlib.sha256(deciding.encode()).hexdigest()
    return Path("runs") / f"{prefix}-{digest[:8]}"
