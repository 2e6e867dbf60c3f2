"""Arithmetic shared by the proxies that compare images, and their Gram matrices."""

from __future__ import annotations

import torch
from torch import Tensor

from nas_kd.errors import UsageError

CONSTANT = 1e-6
"""A row whose deviation is below this share of its mean is constant, up to rounding."""

_ROUNDING = 1e-5
"""Of a forward pass in float32, as a share of the largest value: with several threads, equal images
do not come out equal to the last bit."""


def unit_rows(matrix: Tensor) -> Tensor:
    """Each row divided by its L2 norm, at any magnitude; zero rows stay zero, NaN stays NaN."""
    largest = matrix.abs().amax(1, keepdim=True)
    scaled = matrix / torch.where(largest == 0, 1.0, largest)  # squares neither over- nor underflow
    norms = scaled.norm(dim=1, keepdim=True)
    return scaled / torch.where(norms == 0, 1.0, norms)


def require_same_classes(student: Tensor, teacher: Tensor) -> None:
    """Raises `UsageError` unless both gradients, ``(class, channel)``, have the same classes."""
    if len(student) != len(teacher):
        raise UsageError(
            f"the teacher tells {len(teacher)} classes apart and the student {len(student)}; "
            "DisWOT compares class by class. Use a teacher of the same classes, or proxies that "
            "need none."
        )


def tells_apart(fact: Tensor) -> bool:
    """Whether ``fact``, ``(batch, ...)``, differs between images by more than rounding.

    NaN differs from everything.
    """
    finite = fact[fact.isfinite()]
    tolerance = _ROUNDING * float(finite.abs().max()) if len(finite) else 0.0
    return not torch.allclose(fact, fact[:1].expand_as(fact), rtol=0, atol=tolerance)
