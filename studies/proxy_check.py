"""Whether a space has what the proxies of a study need, before anything that takes long."""

from __future__ import annotations

from dataclasses import replace

from nas_kd.costs import Limits
from nas_kd.machine_lock import machine_shared
from search_spaces import Arch, SearchSpace, Task
from studies.counting import counted_costs
from studies.own_proxies import Trial
from studies.workers import Evaluation, one_thread


def tried_first(space: SearchSpace, task: Task) -> Arch:
    """The student on which proxies are tried: the smallest anchor."""
    smallest = min(space.anchors(), key=lambda arch: counted_costs(space, arch, task)["macs"])
    return space.canonical(smallest)


def check_proxies(evaluation: Evaluation, space: SearchSpace) -> None:
    """Scores one student, whatever it costs; the scores are not kept.

    Raises:
        UsageError: A proxy reads something that the students of this space have not, or one of
            another package is not faithful (`Trial.require_faithful`).
        NasKdError: A proxy failed.
    """
    arch = tried_first(space, evaluation.task)
    evaluator = replace(evaluation, limits=Limits({})).evaluator()
    with machine_shared(), one_thread():
        evaluator.evaluate(arch)
    trial = Trial(
        space,
        arch,
        evaluation.task,
        evaluation.images,
        evaluation.labels,
        evaluation.teacher,
        evaluation.seed,
    )
    trial.require_faithful(evaluation.proxies)
