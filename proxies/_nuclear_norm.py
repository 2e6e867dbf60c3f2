"""The nuclear norm, defined for every matrix."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def nuclear_norm(matrix: Tensor) -> float:
    """Sum of the singular values, float64; NaN where the matrix has NaN or infinite entries."""
    if not bool(matrix.isfinite().all()):
        return math.nan
    return float(torch.linalg.svdvals(matrix.double()).sum())
