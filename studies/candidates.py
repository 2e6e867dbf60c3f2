"""Candidates: what is known of an arch, and the evaluator that finds it out once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from nas_kd.costs import CountRecord, Limits, count_macs
from proxies import PROXIES, TeacherProbes, score_student
from search_spaces import Arch, SearchSpace, Task


@dataclass(frozen=True)
class Candidate:
    """One evaluated arch.

    Attributes:
        arch: The canonical representative.
        macs: Multiply-accumulates for one input, counted.
        params: Elements of all parameters, counted.
        violations: Metric to relative excess over its limit; at most 0 where the limit holds.
        scores: Proxy name to raw score, larger is better; -inf where the proxy has no value.
            Empty when the candidate is over the budget: those are never scored.
    """

    arch: Arch
    macs: int
    params: int
    violations: Mapping[str, float]
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return self.arch.key

    @property
    def feasible(self) -> bool:
        return all(violation <= 0 for violation in self.violations.values())

    @property
    def degenerate(self) -> bool:
        """Whether some proxy has no finite value, as for a cell that passes nothing on."""
        return any(not math.isfinite(score) for score in self.scores.values())

    @property
    def costs(self) -> dict[str, float]:
        return {"macs": float(self.macs), "params": float(self.params)}

    def to_dict(self) -> dict[str, Any]:
        """A form for JSON, in which a missing score is None."""
        return {
            "key": self.key,
            "arch": dict(self.arch),
            "macs": self.macs,
            "params": self.params,
            "violations": dict(self.violations),
            "scores": {n: s if math.isfinite(s) else None for n, s in self.scores.items()},
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Candidate:
        return cls(
            arch=Arch(state["arch"]),
            macs=state["macs"],
            params=state["params"],
            violations=state["violations"],
            scores={n: -math.inf if s is None else s for n, s in state["scores"].items()},
        )


class Evaluator:
    """Evaluates each distinct function of a space once: counted costs first, then the proxies.

    Args:
        space: The space that the archs come from.
        task: What students are built for.
        limits: The resolved budget; candidates over it are not scored.
        proxies: Names of the proxies.
        images: Probe batch, ``(batch, channel, height, width)``.
        labels: Class indices of the probe batch, ``(batch,)``.
        teacher: The teacher's cached facts, for proxies that compare with it.
        seed: Seeds the initial weights of every student alike.
    """

    def __init__(
        self,
        space: SearchSpace,
        task: Task,
        *,
        limits: Limits,
        proxies: Sequence[str],
        images: Tensor,
        labels: Tensor,
        teacher: TeacherProbes | None,
        seed: int,
    ) -> None:
        self._space = space
        self._task = task
        self._limits = limits
        self._proxies = list(proxies)
        self._images = images
        self._labels = labels
        self._teacher = teacher
        self._seed = seed
        self._known: dict[str, Candidate] = {}

    @property
    def known(self) -> Mapping[str, Candidate]:
        """Everything evaluated so far, by canonical key."""
        return self._known

    def remember(self, candidate: Candidate) -> None:
        """Takes over what an earlier session of the study found out."""
        self._known[candidate.key] = candidate

    def within_budget(self, arch: Arch) -> bool:
        """Whether the counted costs of ``arch`` hold the limits on them."""
        counts = self._count(self._space.canonical(arch))
        return all(v <= 0 for v in self._limits.violations(counts).values())

    def evaluate(self, arch: Arch) -> Candidate:
        """The candidate for ``arch``, from memory when the same function was seen before."""
        canonical = self._space.canonical(arch)
        if canonical.key not in self._known:
            self._known[canonical.key] = self._evaluate(canonical)
        return self._known[canonical.key]

    def _evaluate(self, arch: Arch) -> Candidate:
        costs = self._count(arch)
        candidate = Candidate(
            arch, int(costs["macs"]), int(costs["params"]), self._limits.violations(costs)
        )
        if not candidate.feasible:
            return candidate
        scores = score_student(
            lambda: self._space.build(arch, self._task),
            self._images,
            self._labels,
            proxies=self._proxies,
            features=self._space.features,
            head=self._space.head,
            teacher=self._teacher,
            costs=costs,
            seed=self._seed,
        )
        return Candidate(arch, candidate.macs, candidate.params, candidate.violations, scores)

    def _count(self, arch: Arch) -> dict[str, float]:
        sizes = self._space.sizes(arch, self._task)
        if sizes is not None:
            return {"macs": float(sizes.macs), "params": float(sizes.params)}
        record = count_student(self._space, arch, self._task)
        return {"macs": float(record.macs), "params": float(record.params)}


def count_student(space: SearchSpace, arch: Arch, task: Task) -> CountRecord:
    """MACs and parameters counted on the built student."""
    with torch.random.fork_rng(devices=[]):
        return count_macs(space.build(arch, task), task.input_shape)


def needs_teacher(proxies: Sequence[str]) -> bool:
    """Whether any of the proxies compares the student with the teacher."""
    return any("teacher" in PROXIES.get(name).needs for name in proxies)
