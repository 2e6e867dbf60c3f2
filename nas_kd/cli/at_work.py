"""What commands that work in a run directory do before and around their work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nas_kd.cli.device_options import tell_where_latency_counts
from nas_kd.cli.progress import kept_for_watchers

if TYPE_CHECKING:
    from studies.observer import Observer
    from studies.recipe import Recipe
    from studies.run_directory import RunDirectory


def begin(recipe: Recipe, observer: Observer) -> None:
    """Checks the recipe, and tells where latency counts if that is limited.

    Raises:
        NasKdError: See `studies.preflight.check_recipe`.
    """
    observer.phase("start", None)
    from studies.preflight import check_recipe
    from studies.setting import device_profile

    check_recipe(recipe)
    limits, profile = recipe.budget.limits, device_profile(recipe.budget)
    tell_where_latency_counts(limits, profile, observer.note)


@contextmanager
def working_in(run: RunDirectory, observer: Observer) -> Iterator[Observer]:
    """Tells where the work is, keeps how far it is there, and the traceback of what ends it."""
    from nas_kd.cli.running import keeping_traceback

    observer.note(f"Working in {run.path}. Ctrl-C at any time: the same command continues.")
    with keeping_traceback(run.log), kept_for_watchers(observer, run) as kept:
        yield kept
