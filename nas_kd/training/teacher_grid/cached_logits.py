"""What the student said of each training image in earlier rounds, as teachers without a forward."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from nas_kd.distill import Outputs
from nas_kd.training.teacher_grid.provider import Batch, Voice


class CachedLogits:
    """The logits of the last ``capacity`` rounds, for every training image.

    The views of an image differ between the rounds, which SAF accepts. Where nothing was said of
    an image in a round, what was said before stands in for it, and the student's own logits where
    there is nothing. In a distributed training each process keeps what all have seen.

    Source: SAF (Du et al., NeurIPS 2022, arXiv 2205.14083), which looks at one earlier epoch.

    Args:
        images: How many training images there are.
        classes: Width of the logits.
        capacity: Rounds kept; with 0 there is never a teacher.
        every: Steps of a round.
        accelerator: The processes; None where there is one.
    """

    def __init__(
        self,
        images: int,
        classes: int,
        *,
        capacity: int,
        every: int,
        accelerator: Accelerator | None = None,
    ) -> None:
        self._accelerator = accelerator
        self._every, self._capacity = every, capacity
        self._rounds = torch.full((capacity + 1, images, classes), math.nan)  # the newest first
        self._losses = [math.nan] * (capacity + 1)
        self._steps = 0
        self._loss_sum = torch.zeros(())

    def voices(self, batch: Batch, student: Outputs) -> list[Voice]:
        own = student.logits.detach().float()
        past = min(self._capacity, self._steps // self._every)
        return [
            Voice(Outputs(self._filled(self._rounds[number, batch.indices], own)), loss)
            for number, loss in enumerate(self._losses[1 : past + 1], start=1)
        ]

    def after_step(self, batch: Batch, student: Outputs, validation_loss: Tensor) -> None:
        if self._capacity == 0:
            return
        said = student.logits.detach().float()
        self._rounds[0, self._of_all(batch.indices)] = self._of_all(said)
        self._steps += 1
        self._loss_sum = self._loss_sum + validation_loss.detach().cpu()
        if self._steps % self._every == 0:
            loss = float(self._loss_sum) / self._every
            self._losses = [math.nan, loss, *self._losses[1:-1]]
            self._rounds = torch.cat([self._rounds[:1], self._rounds[:-1]])
            self._loss_sum = torch.zeros(())

    def state(self) -> dict[str, Any]:
        return {
            "rounds": self._rounds,
            "losses": self._losses,
            "steps": self._steps,
            "loss_sum": self._loss_sum,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        self._rounds, self._losses = state["rounds"].clone(), list(state["losses"])
        self._steps, self._loss_sum = state["steps"], state["loss_sum"]

    def _of_all(self, part: Tensor) -> Tensor:
        """The parts of all processes, one behind the other, on the CPU."""
        if self._accelerator is None or self._accelerator.num_processes == 1:
            return part.cpu()
        whole: Tensor = self._accelerator.gather(part.to(self._accelerator.device))
        return whole.cpu()

    @staticmethod
    def _filled(said: Tensor, own: Tensor) -> Tensor:
        said = said.to(own.device)
        return torch.where(said.isnan(), own, said)
