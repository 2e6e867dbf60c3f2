"""What a student may bring along that serves its training alone."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor, nn


@runtime_checkable
class AuxiliaryHead(Protocol):
    """A student with a second classifier on an earlier map, unless ``auxiliary`` is None."""

    auxiliary: nn.Module | None

    def with_auxiliary(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images ``(B, C, H, W)`` to the logits ``(B, class)`` and those of the second one."""
        ...


@runtime_checkable
class DropPath(Protocol):
    """A student that drops paths in training, in the end the share ``last_drop_path``."""

    last_drop_path: float

    def set_drop_path(self, rate: float) -> None:
        """Sets the share of dropped paths, in [0, 1)."""
        ...


class Network(nn.Module):
    """The student as accelerate sees it: images to logits, and those of an auxiliary head.

    accelerate changes the forward of what it prepares (autocast, data parallelism). It gets this
    shell, so that the student itself stays as it is and is validated in float32.

    Args:
        student: What is trained.
        auxiliary: Whether its auxiliary head, if it has one, is trained with it.
    """

    def __init__(self, student: nn.Module, *, auxiliary: bool) -> None:
        super().__init__()
        self.student = student
        has_one = isinstance(student, AuxiliaryHead) and student.auxiliary is not None
        self._auxiliary = auxiliary and has_one

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        if self._auxiliary:
            assert isinstance(self.student, AuxiliaryHead)
            return self.student.with_auxiliary(images)
        return self.student(images), None


def raise_drop_path(student: nn.Module, share: float) -> None:
    """Sets the dropped paths of a student that drops any to what they are then.

    The rate grows linearly from none, as it does in the training of Liu et al., DARTS, ICLR 2019
    (arXiv 1806.09055).

    Args:
        student: Any student.
        share: Of the training that is over.
    """
    if isinstance(student, DropPath):
        student.set_drop_path(share * student.last_drop_path)
