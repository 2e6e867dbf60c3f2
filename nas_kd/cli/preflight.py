"""What can be found wrong with a recipe before anything is loaded, trained or written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas_kd.errors import UsageError

if TYPE_CHECKING:
    from nas_kd.distill import Distiller
    from studies.recipe import Recipe


def check_recipe(recipe: Recipe) -> None:
    """Looks up every name in the recipe and checks that the target device works.

    Raises:
        UsageError: A name, an option or a budget is unknown, or a file is missing.
        DeviceUnavailableError: The device cannot run ONNX Runtime here.
    """
    from nas_kd.costs import require_provider
    from nas_kd.distill import DISTILLERS
    from proxies import PROXIES
    from studies.objectives import check_objectives
    from studies.recipe_space import space_of, start_archs
    from studies.samplers import SAMPLERS
    from studies.setting import device_profile

    start_archs(recipe, space_of(recipe))
    SAMPLERS.get(recipe.search.sampler)
    for name in recipe.search.proxies:
        PROXIES.get(name)
    check_objectives(recipe.search.objectives, recipe.search.proxies)
    for name in recipe.distill.distillers:
        _check_distiller(DISTILLERS.get(name))
    profile = device_profile(recipe.budget)
    checkpoint = recipe.teacher.checkpoint
    if checkpoint is not None and not checkpoint.is_file():
        raise UsageError(f"checkpoint: there is no file {checkpoint}. Check --checkpoint.")
    require_provider(profile)


def _check_distiller(distiller: type[Distiller]) -> None:
    if "states" in distiller.needs:
        raise UsageError(
            f"recipe: the distiller {distiller.name} compares the token states of language models, "
            "and this recipe trains a classifier of images. Take kd, diswot_mr or diswot_ms."
        )
