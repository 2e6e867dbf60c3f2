"""Whether what a model returns are logits that a student can learn from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from nas_kd.errors import UsageError


def require_float32(model: nn.Module) -> None:
    """Raises `UsageError` where a model has parameters in another precision."""
    found = {p.dtype for p in model.parameters() if p.is_floating_point()} - {torch.float32}
    if found:
        precisions = ", ".join(sorted(str(dtype).removeprefix("torch.") for dtype in found))
        raise UsageError(
            f"teacher: {type(model).__name__} has weights in {precisions}, and students are "
            "compared with it in float32. Give it in float32: model.float()."
        )


def require_logits(
    outputs: Any, before: Iterable[Tensor], name: str, shape: tuple[int, int]
) -> None:
    """Checks what a model gave for a batch of random images.

    Outputs are taken for probabilities, on which students would lay one more softmax, where they
    lie in [0, 1] and add up to 1 for each image, or where they are the sigmoid of something else.

    Args:
        outputs: What it returned.
        before: What its submodules returned.
        name: What to call it in messages.
        shape: Of the logits, ``(batch, classes)``.

    Raises:
        UsageError: They are no finite logits of that shape.
    """
    images, num_classes = shape
    if not isinstance(outputs, Tensor) or outputs.ndim != 2 or len(outputs) != images:
        found = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise UsageError(
            f"teacher: {name} returns {found}; it should return logits of shape (batch, classes). "
            "Wrap it in a module of your own that returns them alone."
        )
    if outputs.shape[1] != num_classes:
        raise UsageError(
            f"teacher: {name} knows {outputs.shape[1]} classes and the data has {num_classes}. "
            f"Give a teacher trained on these classes, or its checkpoint (--checkpoint)."
        )
    if not bool(torch.isfinite(outputs).all()):
        raise UsageError(f"teacher: {name} returns NaN or infinite logits; its weights are broken.")
    if last := _squashing(outputs, before):
        raise UsageError(
            f"teacher: {name} returns probabilities, those of a {last}, and a student learns from "
            f"logits. Return what the {last} is given."
        )


def _squashing(outputs: Tensor, before: Iterable[Tensor]) -> str | None:
    """The function that made probabilities of logits; None where there is none."""
    if bool((outputs < 0).any()) or bool((outputs > 1).any()):
        return None
    totals = outputs.sum(1)
    if torch.allclose(totals, torch.ones_like(totals), atol=1e-3):
        return "softmax"
    same = (given for given in before if given.shape == outputs.shape)
    return "sigmoid" if any(torch.allclose(g.sigmoid(), outputs) for g in same) else None
