"""A counted sample of a space, and how much of it is within a budget."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from nas_kd.costs import Limits
from search_spaces import SearchSpace, Task, space_options
from studies.candidates import Candidate
from studies.counting import counted_candidate, has_closed_form
from studies.random_arch import anchors_then_random

_SAMPLE = 1000
_SAMPLE_OF_BUILT = 60
"""Where sizes have no closed form, every student has to be built to be counted."""
_LITTLE = 0.1
"""A smaller share of a space leaves a search little to choose from."""


def counted_sample(space: SearchSpace, task: Task, seed: int) -> list[Candidate]:
    """Distinct students, fewest MACs first: the anchors and a uniform sample."""
    generator = np.random.default_rng(seed)
    count = len(space.anchors()) + (_SAMPLE if has_closed_form(space, task) else _SAMPLE_OF_BUILT)
    drawn = itertools.islice(anchors_then_random(space, generator), count)
    archs = dict.fromkeys(map(space.canonical, drawn))
    students = [counted_candidate(space, arch, task) for arch in archs]
    return sorted(students, key=lambda c: (c.macs, c.params, c.key))


def warning_before_a_search(
    space: SearchSpace, task: Task, limits: Limits, seed: int
) -> str | None:
    """`little_choice`, where MACs or parameters are limited and nothing is built to count them."""
    counted = limits.values.keys() & {"macs", "params"}
    if not counted or not has_closed_form(space, task):
        return None
    sample = counted_sample(space, task, seed)
    return little_choice(space.name, share_within(sample, limits), len(sample))


def share_within(sample: Sequence[Candidate], limits: Limits) -> float:
    """Share of the sample that holds the limits on MACs and parameters."""
    return float(np.mean([limits.hold(student.costs) for student in sample]))


def little_choice(space: str, share: float, sampled: int) -> str | None:
    """What to say where a budget leaves little of a space; None where it leaves enough.

    Args:
        space: Name of the space.
        share: Of the sampled students that hold the limits on MACs and parameters.
        sampled: How many students these are.
    """
    if share >= _LITTLE:
        return None
    within = "are within the limits on MACs and parameters"
    found = (
        f"only {share:.1%} of {sampled:,} sampled students {within}, which leaves little to choose "
        "from"
        if share
        else f"none of {sampled:,} sampled students {within}"
    )
    ways = "--image-size or another --space"
    if options := space_options(space):
        known = ", ".join(f"{name}={value}" for name, value in options.items())
        ways = f"--space-option, which unless told is {known}; {ways}"
    return f"WARNING: {found}. Take smaller students ({ways}), or raise the budget."
