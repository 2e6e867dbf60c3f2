"""Checks of what spaces are given: genes, tasks and options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar, cast, get_args

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from nas_kd.errors import UsageError
from search_spaces._arch import Gene
from search_spaces._space import AnyTask, Head, Task, TextTask

if TYPE_CHECKING:
    from torch import nn

M = TypeVar("M", bound="nn.Module")


def gene_values(distribution: BaseDistribution) -> Sequence[Gene]:
    """All values of a gene, in the distribution's order.

    Raises:
        UsageError: The distribution is of another kind.
    """
    if isinstance(distribution, IntDistribution):
        return range(distribution.low, distribution.high + 1, distribution.step)
    if isinstance(distribution, CategoricalDistribution):
        return cast(Sequence[Gene], distribution.choices)
    raise UsageError(
        f"search space: genes are categorical or integer distributions, not {distribution!r}."
    )


def require_positive(owner: str, **values: int) -> None:
    """Raises `UsageError` for the first of ``values`` that is not a positive integer."""
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise UsageError(f"{owner}: {name} is {value!r}; give a positive integer.")


def require_task(space: str, task: AnyTask) -> Task:
    """The task, which a space of image students can build for.

    Raises:
        UsageError: It is no `Task` of images, or a size in it is not a positive integer.
    """
    if not isinstance(task, Task):
        raise UsageError(
            f"{space}: its students classify images, and the task is text. Choose a space of "
            "language models, such as autodistil-tiny, or data of images."
        )
    require_positive(
        space,
        in_channels=task.in_channels,
        image_size=task.image_size,
        num_classes=task.num_classes,
    )
    return task


def require_text_task(space: str, task: AnyTask) -> TextTask:
    """The task, which a space of language models can build for.

    Raises:
        UsageError: It is no `TextTask`, a size in it is not a positive integer (the number of
            classes may be 0), its sequences are longer than its positions, or its head is unknown.
    """
    if not isinstance(task, TextTask):
        raise UsageError(
            f"{space}: its students read text, and the task is images. Choose a space of image "
            "students, such as nasbench201, or a teacher and data of text."
        )
    require_positive(
        space,
        vocabulary=task.vocabulary,
        length=task.length,
        positions=task.positions,
        segments=task.segments,
        num_classes=task.num_classes + 1,
    )
    if task.length > task.positions:
        raise UsageError(
            f"{space}: sequences of {task.length} tokens do not fit into {task.positions} "
            "positions. Take shorter ones (max_tokens of a training, tokens of a search), or a "
            "teacher with more positions."
        )
    if task.head not in get_args(Head):
        raise UsageError(
            f"{space}: there is no head {task.head!r}; take one of {', '.join(get_args(Head))}."
        )
    return task


def require_built(space: str, module: nn.Module, kind: type[M]) -> M:
    """The module, which is of the kind that a space builds.

    Raises:
        UsageError: It is of another.
    """
    if not isinstance(module, kind):
        raise UsageError(
            f"{space}: {type(module).__name__} was not built by this space; "
            "pass a module that `build` returned."
        )
    return module
