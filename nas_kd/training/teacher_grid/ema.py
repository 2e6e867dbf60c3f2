"""A teacher that follows its student: the moving average of the student's weights."""

from __future__ import annotations

from copy import deepcopy
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

Network = TypeVar("Network", bound=nn.Module)


class MovingAverage(Generic[Network]):
    """Starts as a copy of the student.

    Attributes:
        model: The teacher; frozen and in eval mode, but for batch norms, which go by the batch
            itself: the student's running statistics mix all sub-networks.
    """

    def __init__(self, student: Network) -> None:
        self.model = deepcopy(student).requires_grad_(False).eval()
        for module in self.model.modules():
            if isinstance(module, _BatchNorm):
                module.train()

    @torch.no_grad()
    def update(self, student: Network, momentum: float) -> None:
        """weights <- momentum weights + (1 - momentum) student's weights."""
        mine: list[Tensor] = list(self.model.parameters())
        theirs: list[Tensor] = list(student.parameters())
        torch._foreach_lerp_(mine, theirs, 1 - momentum)
