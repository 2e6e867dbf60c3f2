"""l2_norm: how large the initial weights are."""

from __future__ import annotations

from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._weights import layer_weights


def l2_norm_score(student: Probe, teacher: Probe | None) -> float:
    """Sum over convolutions and linear layers of the L2 norm of the weight theta.

    It looks at the weights alone: depth and width, and not how the layers are connected.

    Source: Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021, its public code.
    """
    return sum(float(weight.detach().norm()) for weight in layer_weights(student.model).values())


PROXY = Proxy(
    name="l2_norm",
    function=l2_norm_score,
    needs=frozenset({"model"}),
    initialisation="default",
    source="l2_norm, Abdelfattah et al., ICLR 2021, arXiv 2101.08134",
    cost="free",
    batch="nothing",
)
