"""Whether a teacher still has the weights from which a supernet is learning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from nas_kd.errors import UsageError
from nas_kd.training.module_digest import state_digest

TEACHER = "teacher_sha256"
"""Name of the digest of a teacher's weights in the state of a training."""


def teacher_digest(teacher: nn.Module | None) -> dict[str, str]:
    """For the state of a training: `TEACHER` and what its weights are; empty without a teacher."""
    return {} if teacher is None else {TEACHER: state_digest(teacher)}


def require_its_teacher(
    state: Mapping[str, Any], now: Mapping[str, str], source: str | None
) -> None:
    """Refuses to go on with other weights, which would teach something else than before.

    Args:
        state: Of the training; one that does not tell is not refused.
        now: The `teacher_digest` of its teacher as it was loaded.
        source: Where that teacher comes from, for the message.

    Raises:
        UsageError: They are not those of the state.
    """
    for name, digest in now.items():
        if state.get(name, digest) != digest:
            raise UsageError(
                f"pretrain: the teacher {source} has other weights than when this training began, "
                "so that it cannot go on. Put back what was there, or name another --run-dir."
            )
