"""What can be found wrong with a recipe before anything is loaded, trained or written."""

from __future__ import annotations

from nas_kd.costs import require_provider
from nas_kd.data.load import parse_data
from nas_kd.distill import Distiller, create_distiller
from nas_kd.errors import UsageError
from nas_kd.teachers.load import parse_teacher
from nas_kd.training.default_teacher import DEFAULT_TEACHER
from nas_kd.training.objective import Objective
from nas_kd.training.processes import make_accelerator
from nas_kd.training.teaching import require_views
from proxies import PROXIES
from search_spaces import SearchSpace
from studies.objectives import check_objectives
from studies.recipe import DistillSection, Recipe, SearchSection, TeacherSection
from studies.recipe_space import space_of, start_archs
from studies.samplers import SAMPLERS
from studies.setting import device_profile
from studies.student_training import training_settings


def check_recipe(recipe: Recipe) -> None:
    """Looks up every name in the recipe, tries how it trains, and that the target device works.

    Neither data nor teacher are loaded: whether they exist, fit each other and the proxies, and
    whether the budget can be met, is not known yet.

    Raises:
        UsageError: A name, an option, a budget or a specification of data or teacher is unknown,
            a file is missing, or the settings of the distillation do not go together.
        DeviceUnavailableError: The device cannot run ONNX Runtime here.
    """
    space = space_of(recipe)
    start_archs(recipe, space)
    _check_search(recipe.search, space)
    parse_data(recipe.data.source)
    check_teacher(recipe.teacher)
    _check_distillation(recipe.distill)
    require_provider(device_profile(recipe.budget))


def _check_search(search: SearchSection, space: SearchSpace) -> None:
    for name in search.proxies:
        PROXIES.get(name)
    check_objectives(search.objectives, search.proxies)
    if SAMPLERS.get(search.sampler).covers_space:
        try:
            next(iter(space.enumerate()))
        except NotImplementedError as error:
            raise UsageError(f"sampler {search.sampler}: {error}") from error


def check_teacher(teacher: TeacherSection) -> None:
    """Looks whether teacher and checkpoint are named well and go together, and loads neither.

    Raises:
        UsageError: They are not.
    """
    if teacher.source != DEFAULT_TEACHER:
        parse_teacher(teacher.source)
    elif teacher.checkpoint is not None:
        raise UsageError(
            f"checkpoint: {DEFAULT_TEACHER} is trained on the spot and takes no weights from "
            f"{teacher.checkpoint}. Name the network that these weights are of with --teacher."
        )
    if teacher.checkpoint is not None and not teacher.checkpoint.is_file():
        raise UsageError(f"checkpoint: there is no file {teacher.checkpoint}. Check --checkpoint.")


def _check_distillation(section: DistillSection) -> None:
    for name in section.distillers:
        _check_distiller(create_distiller(name))
    objective = Objective(section.distillers, training_settings(section))
    require_views(section.teacher_views, objective.needs)
    if section.precision != "no":
        make_accelerator(section.precision)


def _check_distiller(distiller: Distiller) -> None:
    if "states" in distiller.needs:
        raise UsageError(
            f"recipe: the distiller {distiller.name} compares the token states of language models, "
            "and this recipe trains a classifier of images. Take kd, diswot_mr or diswot_ms."
        )
