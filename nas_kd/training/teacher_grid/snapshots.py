"""The student's own past as teachers: a ring of its last snapshots."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nas_kd.distill import Outputs
from nas_kd.training.teacher_grid.provider import Batch, Run, Voice


@dataclass(frozen=True)
class Snapshot:
    """The student at one moment.

    Attributes:
        module: A frozen copy of all of it, in eval mode.
        loss: Its mean loss on held-out images since the snapshot before.
    """

    module: nn.Module
    loss: float


class Snapshots:
    """The last ``capacity`` snapshots, one every ``every`` steps. Each teacher costs a forward.

    Args:
        student: What is copied: weights, and architecture parameters if it has them.
        run: How a copy computes.
        capacity: Most snapshots kept; the oldest one leaves. With 0 there is never a teacher.
        every: Steps between two.
        settle: Called before a copy is taken; makes the processes of a distributed training agree.
    """

    def __init__(
        self,
        student: nn.Module,
        run: Run,
        *,
        capacity: int,
        every: int,
        settle: Callable[[], None] = lambda: None,
    ) -> None:
        self._student, self._run, self._every = student, run, every
        self._settle = settle
        self.ring: deque[Snapshot] = deque(maxlen=capacity)
        self._steps = 0
        self._loss_sum = torch.zeros(())

    @torch.no_grad()
    def voices(self, batch: Batch, student: Outputs) -> list[Voice]:
        return [Voice(self._run(past.module, batch.images), past.loss) for past in self.ring]

    def after_step(self, batch: Batch, student: Outputs, validation_loss: Tensor) -> None:
        if not self.ring.maxlen:
            return
        self._steps += 1
        self._loss_sum = self._loss_sum + validation_loss.detach().cpu()
        if self._steps % self._every == 0:
            self._settle()
            self.ring.append(Snapshot(self._copy(), float(self._loss_sum) / self._every))
            self._loss_sum = torch.zeros(())

    def state(self) -> dict[str, Any]:
        ring = [{"module": past.module.state_dict(), "loss": past.loss} for past in self.ring]
        return {"ring": ring, "steps": self._steps, "loss_sum": self._loss_sum}

    def load(self, state: Mapping[str, Any]) -> None:
        self.ring.clear()
        for past in state["ring"]:
            module = self._copy()
            module.load_state_dict(past["module"])
            self.ring.append(Snapshot(module, past["loss"]))
        self._steps, self._loss_sum = state["steps"], state["loss_sum"]

    def _copy(self) -> nn.Module:
        return copy.deepcopy(self._student).eval().requires_grad_(False)
