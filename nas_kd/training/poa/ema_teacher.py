"""A teacher that follows its student: the moving average of the student's weights."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor

from nas_kd.training.poa.students import Students


class EmaTeacher:
    """Starts as a copy of the student.

    Attributes:
        model: The teacher; frozen and without stochastic depth. It stays in train mode, so that
            batch norms go by the batch itself: statistics of the student are those of other
            weights, and the teacher's own are kept for who uses its largest network afterwards.
    """

    def __init__(self, student: Students) -> None:
        self.model = deepcopy(student).requires_grad_(False).train()
        self.model.backbone.drop_path = 0.0

    @torch.no_grad()
    def update(self, student: Students, momentum: float) -> None:
        """weights <- momentum weights + (1 - momentum) student's weights."""
        mine: list[Tensor] = list(self.model.parameters())
        theirs: list[Tensor] = list(student.parameters())
        torch._foreach_lerp_(mine, theirs, 1 - momentum)
