"""Searches: from a recipe to an Optuna study, its front, the finalists and one checked student.

The parts are loaded when they are first used, so that reading a run needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas_kd.lazy_names import lazy_names

if TYPE_CHECKING:
    from studies.pipeline import run_search
    from studies.recipe import Recipe
    from studies.recipe_files import load_recipe
    from studies.run_directory import RunDirectory

__all__ = ["Recipe", "RunDirectory", "load_recipe", "run_search"]

_HOMES = {
    "Recipe": "recipe",
    "RunDirectory": "run_directory",
    "load_recipe": "recipe_files",
    "run_search": "pipeline",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
