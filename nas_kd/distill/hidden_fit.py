"""`HiddenFit`: the learned map of a student's hidden states to its teacher's width."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class HiddenFit(nn.Module):
    """h W^T for hidden states ``(..., token, width)`` of any width up to ``student_width``.

    A narrower student takes the leading columns of W, so that all sub-networks of a weight-shared
    model share one map. W starts as the identity (padded with zeros), which is exact for students
    that are leading slices of their teacher. It is trained with the student and thrown away
    afterwards.

    Args:
        student_width: Largest width of a hidden state.
        teacher_width: Width of the result.
    """

    def __init__(self, student_width: int, teacher_width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(teacher_width, student_width))

    def narrowed(self, student_width: int) -> HiddenFit:
        """A map with a copy of the leading columns, which are all that such a student takes."""
        narrow = HiddenFit(student_width, len(self.weight))
        narrow.load_state_dict({"weight": self.weight[:, :student_width]})
        return narrow

    def forward(self, hidden: Tensor) -> Tensor:
        """``(batch, token, width)`` to ``(batch, token, teacher_width)``, in the type given."""
        return F.linear(hidden, self.weight[:, : hidden.shape[-1]].to(hidden.dtype))
