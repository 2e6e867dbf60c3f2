"""A space against a budget, before any search: can it be met, and by how much of the space?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from nas_kd.costs import LatencyRecord
from search_spaces import Arch, SearchSpace
from studies.candidates import Candidate
from studies.counted_sample import counted_sample, little_choice, share_within
from studies.measuring import Meter
from studies.observer import Observer
from studies.recipe import Recipe
from studies.run_directory import RunDirectory
from studies.setting import Setting, prepare

SCHEMA = "nas-kd.profile/1"


@dataclass(frozen=True)
class Profiled:
    """One student of the profile.

    Attributes:
        which: ``smallest``, ``typical`` or ``largest``.
        candidate: The student with its counted costs.
        latency: Measured beside the teacher.
        violations: Metric to relative excess over its limit; at most 0 where the limit holds.
    """

    which: str
    candidate: Candidate
    latency: LatencyRecord
    violations: Mapping[str, float]

    @property
    def within(self) -> bool:
        return all(excess <= 0 for excess in self.violations.values())


def profile_space(recipe: Recipe, run: RunDirectory, observer: Observer) -> dict[str, Any]:
    """Counts a sample of the space and measures its smallest, typical and largest student.

    Students whose output does not depend on their input, such as a cell without operations, are
    passed over. ``can_be_met`` is whether one of the measured ones is within every limit.

    Args:
        recipe: Teacher, data, space and budget.
        run: Keeps the teacher's file and the measurements.
        observer: Told about the progress.

    Returns:
        The document that ``nas-kd profile --json`` prints.
    """
    setting = prepare(recipe, run, observer, costs_alone=True)
    observer.phase("count students", None)
    sample = counted_sample(setting.space, setting.task, recipe.seed)
    observer.phase("measure", None)
    students = _measure(_smallest_typical_largest(sample, setting), setting, run, recipe.seed)
    limits = setting.limits
    share = share_within(sample, limits)
    if warning := little_choice(setting.space.name, share, len(sample)):
        observer.note(warning)
    return {
        "schema": SCHEMA,
        "space": {
            "name": setting.space.name,
            "options": dict(recipe.space.options),
            "size": setting.space.size,
        },
        "teacher": setting.teacher_facts,
        "budget": {"limits": list(recipe.budget.limits), **limits.values},
        "device": str(setting.profile),
        "sampled": len(sample),
        "share_within_counted_limits": share,
        "students": [_row(student, setting.space) for student in students],
        "can_be_met": any(student.within for student in students),
    }


def _smallest_typical_largest(
    sample: Sequence[Candidate], setting: Setting
) -> list[tuple[str, Candidate]]:
    smallest = next((c for c in sample if _responds(c.arch, setting)), sample[-1])
    return [
        ("smallest", smallest),
        ("typical", sample[len(sample) // 2]),
        ("largest", sample[-1]),
    ]


def _responds(arch: Arch, setting: Setting) -> bool:
    """Whether the untrained student tells two different images apart."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        student = setting.space.build(arch, setting.task).train()
        first, second = student(torch.randn(2, *setting.task.input_shape))
    return not torch.allclose(first, second)


def _measure(
    chosen: Sequence[tuple[str, Candidate]], setting: Setting, run: RunDirectory, seed: int
) -> list[Profiled]:
    meter = Meter(setting, run, seed)
    measured = meter.measure([candidate for _, candidate in chosen])
    return [
        Profiled(
            which,
            candidate,
            result.latency,
            setting.limits.violations(candidate.costs) | _latency_excess(setting, result.violation),
        )
        for (which, candidate), result in zip(chosen, measured, strict=True)
    ]


def _latency_excess(setting: Setting, violation: float) -> dict[str, float]:
    return {"latency_ms": violation} if setting.budget.needs("latency_ms") else {}


def _row(student: Profiled, space: SearchSpace) -> dict[str, Any]:
    return {
        "which": student.which,
        "arch": dict(student.candidate.arch),
        "description": space.describe(student.candidate.arch),
        "macs": student.candidate.macs,
        "params": student.candidate.params,
        "latency_ms": student.latency.to_document(),
        "violations": dict(student.violations),
        "within": student.within,
    }
