"""grad_norm: the size of the first gradient."""

from __future__ import annotations

from proxies._probe import Probe
from proxies._proxy import Proxy


def grad_norm_score(student: Probe, teacher: Probe | None) -> float:
    """Sum over convolutions and linear layers of the L2 norm of the weight's gradient.

    Source: Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021.
    """
    return float(sum(grad.double().norm() for _, grad in student.weight_gradients))


GRAD_NORM = Proxy(
    name="grad_norm",
    score=grad_norm_score,
    needs=frozenset({"weight_gradients"}),
    initialisation="default",
    cost="backward",
    batch="real images with labels",
    source="Abdelfattah et al., ICLR 2021",
)
