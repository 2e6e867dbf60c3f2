"""jacov: how independent the input gradients of a batch are."""

from __future__ import annotations

import torch

from proxies._probe import Probe
from proxies._proxy import Proxy

_EPSILON = 1e-5


def jacov_score(student: Probe, teacher: Probe | None) -> float:
    """Minus the sum of log(l + e) + 1 / (l + e) over the eigenvalues l of the correlation matrix.

    The matrix correlates the rows of the Jacobian of the summed logits by the inputs, one row an
    image; e = 1e-5. NaN where a row is constant, as for a net that passes nothing on.

    Source: Mellor et al. 2020, arXiv 2006.04647v1; Abdelfattah et al., ICLR 2021.
    Deviation: a symmetric eigensolver with eigenvalues clipped at 0, where the public code's
    general one leaves small imaginary parts.
    """
    rows = student.input_jacobian.double()
    rows = rows - rows.mean(1, keepdim=True)
    norms = rows.norm(dim=1, keepdim=True)
    if bool((norms == 0).any()):
        return float("nan")
    rows = rows / norms
    eigenvalues = torch.linalg.eigvalsh(rows @ rows.T).clamp_min(0) + _EPSILON
    return float(-(eigenvalues.log() + 1 / eigenvalues).sum())


JACOV = Proxy(
    name="jacov",
    score=jacov_score,
    needs=frozenset({"input_jacobian"}),
    initialisation="default",
    cost="backward",
    batch="real images, no labels",
    source="Mellor et al. 2020, arXiv 2006.04647v1; Abdelfattah et al., ICLR 2021",
    deviation="symmetric eigensolver, eigenvalues clipped at 0",
)
