"""Eigenvalues that neither fail nor turn negative."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.sparse.linalg import ArpackNoConvergence, eigsh
from torch import Tensor

_SMALL = 128
"""Up to this size all eigenvalues are found as fast as one."""


def eigenvalues(matrix: Tensor) -> Tensor:
    """Of symmetric positive semidefinite matrices, ``(..., n, n)`` to ``(..., n)``, ascending.

    In float64 on the CPU. Rounding below zero is clipped. A matrix that is not finite has NaN for
    all of them.
    """
    matrix = matrix.cpu().double()
    finite = matrix.isfinite().all(-1).all(-1)[..., None]  # (..., 1)
    spectrum: Tensor = torch.linalg.eigvalsh(matrix.where(finite[..., None], 0.0))
    return spectrum.clamp_min(0).where(finite, math.nan)


def is_singular(spectrum: Tensor, rounding: float) -> bool:
    """Whether the least of ascending eigenvalues, ``(n,)``, is zero but for rounding.

    Args:
        spectrum: As `eigenvalues` finds it.
        rounding: Of the matrix, as a share of its largest eigenvalue.
    """
    return bool(spectrum[0] <= len(spectrum) * rounding * spectrum[-1])


def largest_eigenvalue(matrix: Tensor) -> float:
    """Of a symmetric positive semidefinite ``(n, n)``, by Lanczos' method where it is large."""
    if len(matrix) <= _SMALL or not bool(matrix.isfinite().all()) or not bool(matrix.any()):
        return float(eigenvalues(matrix)[-1])
    start = np.random.default_rng(0).standard_normal(len(matrix))
    dense = matrix.cpu().double().numpy()
    try:
        found = eigsh(dense, k=1, which="LA", v0=start, return_eigenvectors=False)
    except ArpackNoConvergence:
        return float(eigenvalues(matrix)[-1])
    return float(found[0])


def largest_singular_value(matrix: Tensor) -> float:
    """Of any matrix with rows and columns, from the Gram matrix of its shorter side."""
    matrix = matrix.cpu().double()
    short = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    return math.sqrt(largest_eigenvalue(short @ short.T))
