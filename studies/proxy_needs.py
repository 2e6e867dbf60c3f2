"""What proxies ask for besides the student: a teacher, a size that is wanted, equal widths."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from nas_kd.costs import Limits
from proxies import PROXIES
from search_spaces import SearchSpace, Task
from studies.counting import counted_costs


def wants_size(proxies: Sequence[str]) -> bool:
    """Whether any of the proxies asks for the size that a search prefers."""
    return any("wanted_size" in PROXIES.get(name).needs for name in proxies)


def params_bell(space: SearchSpace, task: Task, limits: Limits) -> dict[str, float]:
    """The wanted number of parameters, ``params_centre``, and ``params_width`` around it.

    For proxies that prefer a size (`swap_regularised`). The wanted number is the limit on
    parameters, where there is one, else the middle of the anchors; the width is the same.
    """
    centre = limits.values.get("params")
    if centre is None:
        sizes = [counted_costs(space, arch, task)["params"] for arch in space.anchors()]
        centre = (min(sizes) + max(sizes)) / 2
    return {"params_centre": float(centre), "params_width": float(centre)}


def compared_widths(proxies: Sequence[str], space: SearchSpace, task: Task) -> frozenset[int]:
    """How wide the inputs of the classifiers are, among the space's anchors.

    Empty where none of the proxies compares the gradients of student's and teacher's classifiers.
    """
    needs = [PROXIES.get(name).needs for name in proxies]
    if not any({"teacher", "head_gradient"} <= each for each in needs):
        return frozenset()
    try:
        return _head_widths(space, task, "meta")
    except (NotImplementedError, RuntimeError):  # it looks at weights while it builds
        return _head_widths(space, task, "cpu")


def _head_widths(space: SearchSpace, task: Task, device: str) -> frozenset[int]:
    with torch.device(device), torch.random.fork_rng(devices=[]):
        students = [space.build(arch, task) for arch in space.anchors()]
    heads = [student.get_submodule(space.head(student)) for student in students]
    return frozenset(head.in_features for head in heads if isinstance(head, nn.Linear))


def needs_teacher(proxies: Sequence[str]) -> bool:
    """Whether any of the proxies compares the student with the teacher."""
    return any("teacher" in PROXIES.get(name).needs for name in proxies)
