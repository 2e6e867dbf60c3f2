"""MACs and parameters of a space's students."""

from __future__ import annotations

import torch

from nas_kd.costs import count_macs
from search_spaces import Arch, SearchSpace, Task
from studies.candidates import Candidate


def counted_costs(space: SearchSpace, arch: Arch, task: Task) -> dict[str, float]:
    """``macs`` and ``params``: by the space's closed form, else counted on the built student."""
    sizes = space.sizes(arch, task)
    if sizes is not None:
        return {"macs": float(sizes.macs), "params": float(sizes.params)}
    with torch.random.fork_rng(devices=[]):
        record = count_macs(space.build(arch, task), task.input_shape)
    return {"macs": float(record.macs), "params": float(record.params)}


def counted_candidate(space: SearchSpace, arch: Arch, task: Task) -> Candidate:
    """A canonical arch with its counted costs, held against no limit."""
    costs = counted_costs(space, arch, task)
    return Candidate(arch, int(costs["macs"]), int(costs["params"]), {})


def has_closed_form(space: SearchSpace, task: Task) -> bool:
    """Whether students are counted without being built."""
    return space.sizes(space.anchors()[0], task) is not None
