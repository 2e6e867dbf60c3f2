"""Searches: from a recipe to an Optuna study, its front, the finalists and one checked student.

The parts are loaded when they are first used, so that reading a run needs no torch.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "Recipe": "studies.recipe",
    "RunDirectory": "studies.run_directory",
    "load_recipe": "studies.recipe_files",
    "run_search": "studies.pipeline",
}

__all__ = ["Recipe", "RunDirectory", "load_recipe", "run_search"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
