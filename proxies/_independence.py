"""How many of some rows are independent of each other, from their Pearson correlations."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from proxies._similarity import CONSTANT

RIDGE = 1e-3
"""Added to every eigenvalue: a row that repeats others costs a bounded factor."""


def log_independence(rows: Tensor) -> float:
    """Mean over the eigenvalues l of the correlations of log(l + 1e-3): log of a geometric mean.

    From ``(row, column)``. Zero, but for the ridge, where no two rows correlate; the lower the more
    of a row the others tell, down to log(1e-3) for all but one of equal rows. (For Gaussian rows it
    is minus twice their total correlation, divided by their number.) The correlations of a constant
    row count as zero, with itself, too. NaN for values that are not finite.
    """
    unit = _standardised(rows)
    correlations = (unit @ unit.T).cpu().double()
    ridge = RIDGE * torch.eye(len(rows), dtype=torch.float64)
    return float(torch.linalg.slogdet(correlations + ridge).logabsdet) / len(rows)


def independent_rows(rows: Tensor) -> float:
    """Participation ratio (sum l)^2 / sum l^2 of the eigenvalues l of the correlations.

    From ``(row, column)``; from 1, where all rows repeat one or are constant, to the number of
    rows, where no two correlate. From the Gram matrix of the shorter side, without its eigenvalues:
    trace and Frobenius norm stand for the two sums.
    """
    unit = _standardised(rows)
    short = unit if unit.shape[0] <= unit.shape[1] else unit.T
    gram = (short @ short.T).double()
    spread = float(gram.square().sum())
    return 1.0 if spread == 0 else float(gram.trace() ** 2) / spread


def _standardised(rows: Tensor) -> Tensor:
    """Rows of mean zero and L2 norm one, at any magnitude; constant rows are zero."""
    largest = rows.abs().amax(1, keepdim=True)
    scaled = rows / torch.where(largest == 0, 1.0, largest)  # squares neither over- nor underflow
    mean = scaled.mean(1, keepdim=True)
    centred = scaled - mean
    norms = centred.norm(dim=1, keepdim=True)
    constant = norms <= CONSTANT * rows.shape[1] ** 0.5 * mean.abs()
    return centred / torch.where(constant, math.inf, norms)
