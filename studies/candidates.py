"""Candidates: what is known of an arch, and the evaluator that finds it out once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from nas_kd.costs import CountRecord, Limits, count_macs
from proxies import PROXIES, TeacherProbes, score_student
from search_spaces import Arch, SearchSpace, Task

Predict: TypeAlias = Callable[[Arch, dict[str, float]], float]
"""From an arch and its counted costs to its predicted latency in milliseconds."""


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
        predicted_ms: Predicted latency; None where no predictor was fitted.
    """

    arch: Arch
    macs: int
    params: int
    violations: Mapping[str, float]
    scores: Mapping[str, float] = field(default_factory=dict)
    predicted_ms: float | None = None

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
        """Counted ``macs`` and ``params``, and ``latency_ms`` where it is predicted."""
        counted = {"macs": float(self.macs), "params": float(self.params)}
        return counted if self.predicted_ms is None else counted | {"latency_ms": self.predicted_ms}

    def to_dict(self) -> dict[str, Any]:
        """A form for JSON, in which a missing score is None."""
        return {
            "key": self.key,
            "arch": dict(self.arch.items()),
            "macs": self.macs,
            "params": self.params,
            "violations": dict(self.violations),
            "scores": {n: s if math.isfinite(s) else None for n, s in self.scores.items()},
            "predicted_ms": self.predicted_ms,
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Candidate:
        return cls(
            arch=Arch(state["arch"]),
            macs=state["macs"],
            params=state["params"],
            violations=state["violations"],
            scores={n: -math.inf if s is None else s for n, s in state["scores"].items()},
            predicted_ms=state["predicted_ms"],
        )


class Evaluator:
    """Evaluates each distinct function of a space once: its costs first, then the proxies.

    Args:
        space: The space that the archs come from.
        task: What students are built for.
        limits: The resolved budget; candidates over it are not scored.
        predict: From an arch and its counted costs to its latency in milliseconds; None where
            latency is not predicted, and then not limited here either.
        proxies: Names of the proxies.
        images: Probe batch, ``(batch, channel, height, width)``.
        labels: Class indices of the probe batch, ``(batch,)``.
        teacher: The teacher's cached facts, for proxies that compare with it.
        seed: Seeds the initial weights of every student alike.
        keep: Told of every candidate as soon as it is scored.
    """

    def __init__(
        self,
        space: SearchSpace,
        task: Task,
        *,
        limits: Limits,
        predict: Predict | None = None,
        proxies: Sequence[str],
        images: Tensor,
        labels: Tensor,
        teacher: TeacherProbes | None,
        seed: int,
        keep: Callable[[Candidate], None] | None = None,
    ) -> None:
        self._space = space
        self._task = task
        self._limits = limits
        self._predict = predict
        self._proxies = list(proxies)
        self._images = images
        self._labels = labels
        self._teacher = teacher
        self._seed = seed
        self._keep = keep
        self._known: dict[str, Candidate] = {}

    @property
    def known(self) -> Mapping[str, Candidate]:
        """Everything evaluated so far, by canonical key."""
        return self._known

    def remember(self, candidate: Candidate) -> None:
        """Takes over what an earlier call of the study found out."""
        self._known[candidate.key] = candidate

    def learn(self, candidate: Candidate) -> None:
        """Takes over what was found out just now, here or by a worker, and has scores kept."""
        if candidate.key in self._known:
            return
        self.remember(candidate)
        if candidate.scores and self._keep is not None:
            self._keep(candidate)

    def within_budget(self, arch: Arch) -> bool:
        """Whether the counted and predicted costs of ``arch`` hold the limits on them."""
        costs = self._costs(self._space.canonical(arch))
        return self._limits.hold(costs)

    def evaluate(self, arch: Arch) -> Candidate:
        """The candidate for ``arch``, from memory when the same function was seen before."""
        canonical = self._space.canonical(arch)
        if canonical.key not in self._known:
            self.learn(self._evaluate(canonical))
        return self._known[canonical.key]

    def without_score(self, arch: Arch) -> Candidate:
        """The candidate for a canonical arch that cannot be scored: costs, and no finite score."""
        candidate = self._costed(arch)
        if not candidate.feasible:
            return candidate
        return replace(candidate, scores=dict.fromkeys(self._proxies, -math.inf))

    def _evaluate(self, arch: Arch) -> Candidate:
        candidate = self._costed(arch)
        return (
            replace(candidate, scores=self._score(candidate)) if candidate.feasible else candidate
        )

    def _costed(self, arch: Arch) -> Candidate:
        costs = self._costs(arch)
        return Candidate(
            arch,
            int(costs["macs"]),
            int(costs["params"]),
            self._limits.violations(costs),
            predicted_ms=costs.get("latency_ms"),
        )

    def _score(self, candidate: Candidate) -> dict[str, float]:
        return score_student(
            lambda: self._space.build(candidate.arch, self._task),
            self._images,
            self._labels,
            proxies=self._proxies,
            features=self._space.features,
            head=self._space.head,
            teacher=self._teacher,
            costs={**candidate.costs, **self._wanted_size},
            seed=self._seed,
        )

    @cached_property
    def _wanted_size(self) -> dict[str, float]:
        """What `params_bell` says, where one of the proxies asks for it."""
        if not wants_size(self._proxies):
            return {}
        return params_bell(self._space, self._task, self._limits)

    def _costs(self, arch: Arch) -> dict[str, float]:
        costs = counted_costs(self._space, arch, self._task)
        if self._predict is not None:
            costs["latency_ms"] = self._predict(arch, costs)
        return costs


def counted_costs(space: SearchSpace, arch: Arch, task: Task) -> dict[str, float]:
    """``macs`` and ``params``: by the space's closed form, else counted on the built student."""
    sizes = space.sizes(arch, task)
    if sizes is not None:
        return {"macs": float(sizes.macs), "params": float(sizes.params)}
    record = count_student(space, arch, task)
    return {"macs": float(record.macs), "params": float(record.params)}


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


def count_student(space: SearchSpace, arch: Arch, task: Task) -> CountRecord:
    """MACs and parameters counted on the built student."""
    with torch.random.fork_rng(devices=[]):
        return count_macs(space.build(arch, task), task.input_shape)


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
