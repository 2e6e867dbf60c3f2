"""What a kept score depends on: the settings of its run, and the code that made it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

from torch import Tensor

import proxies
from nas_kd import __version__
from nas_kd.tensor_digest import tensor_digest
from studies.proxy_code import is_ours, module_of
from studies.ranking.code_digest import code_digest, sources
from studies.recipe import Recipe
from studies.recipe_space import space_of
from studies.teacher_file import weights_file_digest


def score_settings(recipe: Recipe, batch: Iterable[Tensor] = ()) -> dict[str, str]:
    """Everything that decides a score beside the arch and the proxy, by name.

    ``data`` is their name, with a digest of ``batch``, the images and labels that are looked at,
    where it is given: other data may have come to lie under the same name.
    ``code`` is the version of the suite with a digest of the code of all proxies, also of those of
    other packages, and of the space: scores of other code are not taken for those of this one.
    ``checkpoint`` is the file with a digest of the weights in it.

    Raises:
        UsageError: The checkpoint cannot be read.
    """
    options = "&".join(f"{name}={value}" for name, value in sorted(recipe.space.options.items()))
    return {
        "space": f"{recipe.space.name}?{options}" if options else recipe.space.name,
        "data": _with_digest(recipe.data.source, list(batch)),
        "image_size": str(recipe.data.image_size or ""),
        "images": str(recipe.search.images),
        "teacher": recipe.teacher.source,
        "checkpoint": _weights(recipe.teacher.checkpoint),
        "seed": str(recipe.seed),
        "code": f"{__version__}+{_digest(type(space_of(recipe)).__module__)}",
        "torch": version("torch"),
    }


def _with_digest(data: str, batch: Sequence[Tensor]) -> str:
    return f"{data}+{tensor_digest(batch)[:8]}" if batch else data


def _weights(checkpoint: Path | None) -> str:
    return "" if checkpoint is None else f"{checkpoint}+{weights_file_digest(checkpoint)[:8]}"


@cache
def _digest(space_module: str) -> str:
    folder = Path(str(proxies.__file__)).parent
    files = {*folder.glob("*.py"), *sources(space_module)}
    return code_digest(files.union(*map(sources, _modules_of_others())))


def _modules_of_others() -> set[str]:
    """In which the functions of proxies of other packages are written."""
    return {module_of(proxy) for _, proxy in proxies.PROXIES.items() if not is_ours(proxy)}
