"""jacov: how independent of each other the input gradients of a batch are."""

from __future__ import annotations

import math

import torch

from proxies._probe import Probe
from proxies._proxy import Proxy

_EPSILON = 1e-5


def jacov_score(student: Probe, teacher: Probe | None) -> float:
    """-sum of log(l + e) + 1 / (l + e) over the eigenvalues l of a correlation matrix, e = 1e-5.

    The matrix correlates the images' rows of the Jacobian of the summed logits by the input,
    ``(batch, channel * height * width)``. A constant row has no correlation: the score is NaN. So
    it is where batch normalisation cancels the gradient (`CancellationFilter`).

    Source: Mellor et al. 2020, arXiv 2006.04647 version 1; Abdelfattah et al., ICLR 2021.
    """
    rows = student.input_jacobian.cpu().double()
    centred = rows - rows.mean(1, keepdim=True)
    norms = centred.norm(dim=1, keepdim=True)  # (batch, 1)
    if not bool(((norms > 0) & norms.isfinite()).all()):
        return math.nan
    unit = centred / norms
    eigenvalues = torch.linalg.eigvalsh(unit @ unit.T).clamp_min(0) + _EPSILON
    return -float((eigenvalues.log() + 1 / eigenvalues).sum())


PROXY = Proxy(
    name="jacov",
    function=jacov_score,
    needs=frozenset({"input_jacobian"}),
    initialisation="default",
    source="jacob_cov, Mellor et al. 2020, arXiv 2006.04647v1; Abdelfattah et al., ICLR 2021",
    cost="backward",
    batch="images",
    deviation=(
        "symmetric eigenvalue solver in float64, eigenvalues clipped at 0; gradients that batch "
        "normalisation cancels are zero, without what rounding leaves"
    ),
)
