"""The moving average of the student's weights as its teacher."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from timm.utils import ModelEmaV3
from torch import Tensor, nn

from nas_kd.distill import Outputs
from nas_kd.training.teacher_grid.provider import Batch, Run, Voice


class MovingAverage:
    """One teacher, whose weights follow the student's (MESA; Du et al., NeurIPS 2022).

    Args:
        student: What is averaged.
        run: How the average computes.
        decay: Share of the old average that every step keeps.
        settle: Called before every step; makes the processes of a distributed training agree.
    """

    def __init__(
        self,
        student: nn.Module,
        run: Run,
        *,
        decay: float,
        settle: Callable[[], None] = lambda: None,
    ) -> None:
        self._student, self._run, self._decay = student, run, decay
        self._settle = settle
        self._average = ModelEmaV3(student, decay)
        self._average.module.eval().requires_grad_(False)
        self._steps = 0
        self._loss = torch.zeros(())

    @property
    def module(self) -> nn.Module:
        """The average, frozen and in eval mode."""
        average: nn.Module = self._average.module
        return average

    @torch.no_grad()
    def voices(self, batch: Batch, student: Outputs) -> list[Voice]:
        if self._steps == 0:
            return []
        return [Voice(self._run(self.module, batch.images), float(self._loss))]

    def after_step(self, batch: Batch, student: Outputs, validation_loss: Tensor) -> None:
        self._steps += 1
        self._settle()
        self._average.update(self._student, step=self._steps)
        share = 1.0 if self._steps == 1 else 1 - self._decay
        self._loss = torch.lerp(self._loss, validation_loss.detach().float().cpu(), share)

    def state(self) -> dict[str, Any]:
        return {"module": self.module.state_dict(), "steps": self._steps, "loss": self._loss}

    def load(self, state: Mapping[str, Any]) -> None:
        self.module.load_state_dict(state["module"])
        self._steps, self._loss = state["steps"], state["loss"]
