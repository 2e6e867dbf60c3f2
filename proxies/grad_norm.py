"""grad_norm: how large the first gradient is."""

from __future__ import annotations

from proxies._probe import Probe
from proxies._proxy import Proxy


def grad_norm_score(student: Probe, teacher: Probe | None) -> float:
    """Sum over convolutions and linear layers of the L2 norm of dL / dtheta, L the cross-entropy.

    Source: Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021, section 3.2.
    """
    return sum(float(gradient.norm()) for gradient in student.weight_gradients.values())


PROXY = Proxy(
    name="grad_norm",
    function=grad_norm_score,
    needs=frozenset({"weight_gradients", "labels"}),
    initialisation="default",
    source="grad_norm, Abdelfattah et al., ICLR 2021, arXiv 2101.08134",
    cost="backward",
    batch="images and labels",
)
