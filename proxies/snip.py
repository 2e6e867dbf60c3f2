"""SNIP: how much the loss hangs on each weight."""

from __future__ import annotations

from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._weights import layer_weights


def snip_score(student: Probe, teacher: Probe | None) -> float:
    """Sum over convolution and linear weights of |theta dL / dtheta|, L the mean cross-entropy.

    Source: Lee et al., SNIP, ICLR 2019, eq. 4; as a score Abdelfattah et al., ICLR 2021.
    """
    weights = layer_weights(student.model)
    return sum(
        float((weights[name].detach() * gradient).abs().sum())
        for name, gradient in student.weight_gradients.items()
    )


PROXY = Proxy(
    name="snip",
    function=snip_score,
    needs=frozenset({"weight_gradients", "labels", "model"}),
    initialisation="default",
    source="SNIP, Lee et al., ICLR 2019; Abdelfattah et al., ICLR 2021, arXiv 2101.08134",
    cost="backward",
    batch="images and labels",
)
