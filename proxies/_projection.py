"""The fixed projection that stands in for a trained one between networks of unequal widths."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

_SEED = 20230618
"""Of the one random draw that all projections are made of."""


def projected(student: Tensor, width: int) -> Tensor:
    """Channels of ``student``, ``(batch, channel, height, width)``, turned into ``width`` channels.

    Channels that are as many already are left as they are. Otherwise they are multiplied by
    `projection`: distillation trains this layer, and a score has nothing to train.
    """
    if student.shape[1] == width:
        return student
    matrix = projection(student.shape[1], width).to(student)
    return torch.einsum("bchw,cd->bdhw", student, matrix)


@lru_cache(maxsize=256)
def projection(source: int, target: int) -> Tensor:
    """A fixed matrix ``(source, target)``, float64, orthonormal along its shorter side.

    From few channels to many it keeps all lengths and angles. From many to few its columns are
    orthonormal. It depends on the two widths alone, so that all students of a width share it, and
    students narrower than the target share rows: the matrix of the narrower is the beginning of
    that of the wider.
    """
    generator = torch.Generator().manual_seed(_SEED)
    rows = [torch.randn(target, generator=generator, dtype=torch.float64) for _ in range(source)]
    drawn = torch.stack(rows)
    tall = drawn.T if source < target else drawn
    basis, triangle = torch.linalg.qr(tall)
    unique: Tensor = basis * triangle.diagonal().sign()
    return unique.T if source < target else unique
