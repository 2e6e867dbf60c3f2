"""The evaluator, which finds out once what there is to know of an arch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TypeAlias

from torch import Tensor

from nas_kd.costs import Limits
from proxies import TeacherProbes, score_student
from search_spaces import Arch, SearchSpace, Task
from studies.candidates import Candidate
from studies.counting import counted_costs
from studies.failing_proxy import failing_proxy_named
from studies.proxy_needs import params_bell, wants_size

Predict: TypeAlias = Callable[[Arch, dict[str, float]], float]
"""From an arch and its counted costs to its predicted latency in milliseconds."""


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
        with failing_proxy_named(candidate.arch):
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
