"""Searches: from a recipe to an Optuna study, its front, the finalists and one checked student.

The way of a search is `pipeline.run_search`: `setting` prepares data, teacher and budget,
`predicting` fits latencies, `search` proposes and scores, `finishing` measures, distils and
delivers, `document` tells of it, and `run_directory` keeps what each of them found. Beside it stand
the searches of trained `supernets`, the `distillation` of one chosen student and the
`text_distillation` of one of text, `space_profile`, which holds a space against a budget, and
`ranking`, which judges proxies by tables of trained networks.

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
