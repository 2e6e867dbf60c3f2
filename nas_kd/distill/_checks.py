"""Checks of what distillers that compare heads one by one are given."""

from __future__ import annotations

from torch import Tensor

from nas_kd.errors import UsageError


def require_equal_heads(name: str, student: Tensor, teacher: Tensor) -> None:
    """Raises `UsageError` where ``(batch, head, token, head_dim)`` differ in their heads."""
    if student.shape[1] != teacher.shape[1]:
        raise UsageError(
            f"distillers: {name} compares heads one by one, and the student has "
            f"{student.shape[1]} and the teacher {teacher.shape[1]}. Keep the number of heads, or "
            "take minilm_v2, autodistil_mse or autodistil_kl."
        )
