"""What stands behind a student directory: the recipe that made it, its device and its data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nas_kd.errors import UsageError

if TYPE_CHECKING:
    from nas_kd.costs import DeviceProfile
    from nas_kd.data import DataSplits
    from nas_kd.export import Student
    from studies.recipe import Recipe


def recipe_of(directory: Path) -> Recipe | None:
    """The recipe in the student's manifest; None where there is none that can be read."""
    from nas_kd.export import read_manifest
    from studies.recipe_files import parse_recipe

    recipe = (read_manifest(directory) or {}).get("recipe")
    if not isinstance(recipe, dict):
        return None
    try:
        return parse_recipe(recipe)
    except UsageError:
        return None


def profile_of(directory: Path) -> DeviceProfile:
    """Where the student's run measured latency; one CPU thread where it has no recipe."""
    from nas_kd.costs import DeviceProfile
    from studies.setting import device_profile

    recipe = recipe_of(directory)
    return device_profile(recipe.budget) if recipe else DeviceProfile()


def data_of(directory: Path, student: Student, source: str | None) -> DataSplits:
    """The student's data, split and normalised as when it was trained.

    Args:
        directory: The student's directory.
        student: The student in it.
        source: The data that the user names; by default those that the directory names. Code is
            run only where the user names it.

    Raises:
        UsageError: No data are named, they cannot be loaded, or they do not fit the student.
    """
    from nas_kd.data import load_data
    from studies.recipe import Recipe

    recipe = recipe_of(directory)
    named = source or _named_source(directory, student, recipe)
    options = recipe or Recipe()
    data = load_data(
        named,
        seed=_seed_of_pretraining(directory) if recipe is None else recipe.seed,
        image_size=student.task.image_size,
        validation_share=options.data.validation_share,
        download=options.data.download,
    )
    channels = student.task.in_channels
    wanted = (student.task.input_shape, student.task.num_classes)
    if (data.input_shape, data.num_classes) != wanted:
        raise UsageError(
            f"data: {named} has images of shape {data.input_shape} in {data.num_classes} classes, "
            f"and the student takes {wanted[0]} in {wanted[1]}. Give the data that it was trained "
            f"on with --data; ?channels={channels} behind it converts between grey and RGB."
        )
    return student.preprocess.of_data(data)


def _seed_of_pretraining(directory: Path) -> int:
    """The seed by which the data of a student out of a supernet were split; 0 for other ones."""
    from nas_kd.export import read_manifest

    job = (read_manifest(directory) or {}).get("pretraining")
    seed = job.get("seed") if isinstance(job, dict) else None
    return seed if isinstance(seed, int) else 0


def _named_source(directory: Path, student: Student, recipe: Recipe | None) -> str:
    """The data that the directory names, as long as they are no code."""
    from nas_kd.data.load import SOURCES

    provenance = student.config.get("provenance")
    noted = provenance.get("data") if isinstance(provenance, dict) else None
    source = recipe.data.source if recipe else noted
    if not source:
        raise UsageError(
            f"data: {directory} does not say on which data the student was trained. Name them with "
            "--data, for example --data folder:PATH."
        )
    if str(source).partition(":")[0].partition("?")[0] not in SOURCES:
        raise UsageError(
            f"data: the student in {directory} was trained on {source!r}, which is code or a mere "
            "name, and nothing in a student directory is executed. Name the data yourself, for "
            f"example --data {source if ':' in str(source) else 'package.module:factory'}."
        )
    return str(source)
