"""Whether a space of another package tells the sizes of its students as they are."""

from __future__ import annotations

import torch

from nas_kd.costs import count_macs
from nas_kd.errors import UsageError
from search_spaces import SearchSpace, Task
from studies.proxy_check import tried_first


def check_sizes(space: SearchSpace, task: Task) -> None:
    """Counts one student whose space has a closed form; those of this package are exact.

    Raises:
        UsageError: The closed form says something else.
    """
    if type(space).__module__.partition(".")[0] == "search_spaces":
        return
    arch = tried_first(space, task)
    told = space.sizes(arch, task)
    if told is None:
        return
    with torch.random.fork_rng(devices=[]):
        counted = count_macs(space.build(arch, task), task.input_shape)
    if (told.macs, told.params) != (counted.macs, counted.params):
        raise UsageError(
            f"space: {space.name} tells {told.macs:,} MACs and {told.params:,} parameters of "
            f"{space.describe(arch)}, which has {counted.macs:,} and {counted.params:,} when it is "
            "counted. Mend its `sizes`, or let it return None: students are then counted."
        )
