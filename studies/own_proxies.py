"""Whether proxies of other packages keep their word, tried on one student."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas_kd.costs import Limits
from nas_kd.errors import UsageError
from nas_kd.machine_lock import machine_shared
from proxies import PROXIES, TeacherProbes, score_student
from search_spaces import Arch, SearchSpace, Task
from studies.counting import counted_costs
from studies.failing_proxy import failing_proxy_named
from studies.proxy_code import is_ours
from studies.proxy_needs import params_bell
from studies.workers import one_thread


@dataclass(frozen=True)
class Trial:
    """One student, and all that is needed to score it.

    Attributes:
        space: The space that it comes from.
        arch: Its architecture.
        task: What it is built for.
        images: Probe batch, ``(batch, channel, height, width)``.
        labels: Its class indices, ``(batch,)``.
        teacher: The teacher on the same batch.
        seed: Of its initial weights.
    """

    space: SearchSpace
    arch: Arch
    task: Task
    images: Tensor
    labels: Tensor
    teacher: TeacherProbes | None
    seed: int

    def require_faithful(self, names: Sequence[str]) -> None:
        """Scores the student twice by each of those proxies that is not ours.

        All proxies of a pass look at one network, and other processes and later calls score the
        same ones: what one changes in it, or draws at random, spoils a study unseen.

        Args:
            names: Of the proxies of a study.

        Raises:
            UsageError: A proxy changes the network, or gives it another score the second time.
            NasKdError: A proxy failed.
        """
        for name in names:
            if is_ours(PROXIES.get(name)):
                continue
            with machine_shared(), one_thread():
                first, second = (self._score_unchanged(name) for _ in range(2))
            if first != second:
                raise UsageError(
                    f"proxy {name!r} scores one network {first:.6g} and then {second:.6g}: no "
                    "search would come out twice alike. Let it draw from "
                    "torch.Generator().manual_seed(student.seed), and keep nothing from one "
                    "network to the next."
                )

    def _score_unchanged(self, name: str) -> float:
        seen: list[tuple[nn.Module, dict[str, object]]] = []

        def features(student: nn.Module) -> list[str]:
            """The student has its weights by now, and the proxy has not seen it."""
            seen.append((student, dict(_facts(student))))
            return self.space.features(student)

        costs = counted_costs(self.space, self.arch, self.task)
        with failing_proxy_named(self.arch):
            scores = score_student(
                lambda: self.space.build(self.arch, self.task),
                self.images,
                self.labels,
                proxies=[name],
                features=features,
                head=self.space.head,
                teacher=self.teacher,
                costs=costs | params_bell(self.space, self.task, Limits({})),
                seed=self.seed,
            )
        for student, before in seen:
            _require_as_before(name, before, dict(_facts(student)))
        return scores[name]


def _facts(student: nn.Module) -> Iterator[tuple[str, object]]:
    """What other proxies would notice of a network, by name; tensors are copied."""
    for name, tensor in student.state_dict().items():
        yield name, tensor.detach().clone()
    for name, parameter in student.named_parameters():
        yield f"requires_grad of {name}", parameter.requires_grad
        yield f"grad of {name}", parameter.grad is not None
    for name, module in student.named_modules():
        yield f"mode of {name or 'the network'}", module.training
        hooks = len(module._forward_hooks) + len(module._forward_pre_hooks)
        yield f"hooks of {name or 'the network'}", hooks


def _require_as_before(proxy: str, before: dict[str, object], now: dict[str, object]) -> None:
    changed = [fact for fact in before | now if not _same(before.get(fact), now.get(fact))]
    if changed:
        raise UsageError(
            f"proxy {proxy!r} leaves the network changed ({changed[0]}), so that others would "
            "score what it made of it. Let it work on copy.deepcopy(student.model), or put "
            "everything back."
        )


def _same(before: object, now: object) -> bool:
    if isinstance(before, Tensor) and isinstance(now, Tensor):
        return before.shape == now.shape and torch.equal(before, now)
    return before == now
