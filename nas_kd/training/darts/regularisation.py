"""What keeps the architecture parameters from collapsing."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from nas_kd.training.darts.alphas import Alphas

_WINDOW, _LAG = 5, 4
"""Epochs of a mean, and between the two means that are compared."""
_BACK = _LAG + _WINDOW // 2
"""Epochs from now to the middle of the earlier mean."""
FIRST_STOP = 11 + _BACK
"""No search goes back to fewer than 11 epochs, so none stops after fewer than these."""
_LARGEST_RISE = 1.3


def beta_decay(alphas: Alphas) -> Tensor:
    """The mean over the edges of logsumexp(alpha): large values of alpha are held down.

    Source: Ye et al., beta-DARTS, CVPR 2022 (arXiv 2203.01665), equation 11. Its weight grows with
    every step here, in its code with every epoch.
    """
    rows = torch.cat([values.logsumexp(1) for values in alphas.operations.values()])
    return rows.mean()


def auxiliary_skip(first: float, share: float) -> float:
    """The weight of the skip beside every edge, from ``first`` to zero along a cosine.

    Source: Chu et al., DARTS-, ICLR 2021 (arXiv 2009.01027), equation 4. It falls with every step
    here, in its code with every epoch.
    """
    return first * 0.5 * (1 + math.cos(math.pi * share))


def sharpening_began(eigenvalues: Sequence[float]) -> int | None:
    """How many epochs to go back to, once the Hessian's dominant eigenvalue has risen too far.

    Its mean over five epochs is compared with that of four epochs before: a rise by three tenths
    ends the search, which goes back to the middle of the earlier five. None while it has not risen
    so far, and where the earlier mean is not above zero, as there is no ratio then.

    Source: Zela et al., R-DARTS, ICLR 2020 (arXiv 1909.09656), section 4.3, with the constants of
    its code for an eigenvalue an epoch (the paper names the ratio 0.75 of the inverse). There, two
    negative means have a ratio, too.

    Args:
        eigenvalues: One an epoch.
    """
    now = len(eigenvalues)
    if now < FIRST_STOP:
        return None
    earlier = _mean(eigenvalues[now - _LAG - _WINDOW : now - _LAG])
    latest = _mean(eigenvalues[now - _WINDOW :])
    return now - _BACK if latest > _LARGEST_RISE * earlier > 0 else None


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
