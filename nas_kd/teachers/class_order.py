"""In which order a classifier tells classes apart, by their names."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def says_nothing(found: Sequence[str], classes: Sequence[str]) -> bool:
    """Whether the order cannot be told by names.

    Args:
        found: Names of the classifier's outputs; ``LABEL_0`` and so on where it was not told any.
        classes: Names of the task's classes; numbers from 0 where it has no others.
    """
    numbers = list(map(str, range(len(found))))
    return list(classes) == numbers or list(found) == [f"LABEL_{n}" for n in numbers]


def order_by_name(found: Sequence[str], classes: Sequence[str]) -> list[int] | None:
    """For each class its place in ``found``, in capitals or not; None where the names differ."""
    places = {name.casefold(): place for place, name in enumerate(found)}
    if sorted(places) != sorted(name.casefold() for name in classes):
        return None
    return [places[name.casefold()] for name in classes]


def reorder_outputs(head: nn.Linear, order: Sequence[int]) -> None:
    """Makes output n of ``head`` what output ``order[n]`` was."""
    with torch.no_grad():
        for weight in head.parameters():
            rows: Tensor = weight[torch.tensor(order, device=weight.device)]
            weight.copy_(rows)


def other_classes(source: str, found: Sequence[str], classes: Sequence[str]) -> str | None:
    """What to be told of a teacher whose outputs are named otherwise than the data's classes.

    None where the names agree, or one of both has only numbers.
    """
    numbered = any(all(name.isdecimal() for name in names) for names in (found, classes))
    if says_nothing(found, classes) or numbered or order_by_name(found, classes) is not None:
        return None
    return (
        f"The teacher {source} tells {', '.join(found[:5])} apart, and the data "
        f"{', '.join(classes[:5])}: its outputs are taken to be in the order of the data's "
        "classes. If they are not, name the classes alike (id2label in the teacher's config.json)."
    )
