"""The supernet of a space, as a search's settings want it."""

from __future__ import annotations

from nas_kd.errors import UsageError
from nas_kd.training.darts.network import CellSupernet
from search_spaces import Darts, NasBench201, SearchSpace, Task
from search_spaces.supernets import DartsSupernet, NasBench201Supernet

SPACES = (NasBench201.name, Darts.name)


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
