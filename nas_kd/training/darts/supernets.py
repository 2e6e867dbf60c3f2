"""The supernet of a space, as a search's settings want it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch

from nas_kd.errors import UsageError
from nas_kd.training.darts.network import CellSupernet
from search_spaces import Darts, NasBench201, SearchSpace, Task, create_space
from search_spaces.supernets import DartsSupernet, NasBench201Supernet

if TYPE_CHECKING:  # the registry of methods imports this package
    from nas_kd.training.pretraining.method import Job

CellSpace = NasBench201 | Darts

SPACES = (NasBench201.name, Darts.name)

SKELETONS = {Darts.name: {"channels": 16, "cells": 8}}
"""Published searches of the DARTS space run in a smaller network than the one that is delivered."""


def make_supernet(
    space: SearchSpace, task: Task, *, partial: int, auxiliary_skip: bool, keep_none: bool = True
) -> CellSupernet:
    """With PyTorch's default initialisation, drawn from the global generator.

    Raises:
        UsageError: The space has no cells to relax, or its channels cannot be divided so, or its
            cells never keep ``none`` anyway.
    """
    if isinstance(space, NasBench201):
        return NasBench201Supernet(space, task, partial=partial, keep_none=keep_none)
    if isinstance(space, Darts):
        if not keep_none:
            raise UsageError(
                f"darts: keep_none=false has no effect on {space.name}, whose cells never keep "
                "none. Leave it out."
            )
        return DartsSupernet(space, task, partial=partial, auxiliary_skip=auxiliary_skip)
    raise UsageError(
        f"darts: {space.name} has no supernet of cells; choose one of {', '.join(SPACES)}."
    )


def delivered_space(job: Job) -> CellSpace:
    """The space of the network in which found cells are delivered, which costs are those of.

    Where cells are searched in a smaller network, it has the space's own channels and cells, as the
    commands have it that a finished search prints. Everywhere else it is the job's.
    """
    space = cast(CellSpace, job.space)
    of_search = SKELETONS.get(space.name)
    if of_search is None:
        return space
    options = {n: value for n, value in job.space_options.items() if n not in of_search}
    return cast(CellSpace, create_space(space.name, **options))


def delivered_supernet(searched: CellSupernet, job: Job) -> CellSupernet:
    """The supernet of `delivered_space`, without weights where it is not the searched one.

    Args:
        searched: The supernet of the search.
        job: Names the space and its options.
    """
    space = delivered_space(job)
    if space is job.space:
        return searched
    with torch.device("meta"):
        return make_supernet(space, searched.task, partial=1, auxiliary_skip=False)
