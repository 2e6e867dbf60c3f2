"""plain: gradient times weight, with its sign."""

from __future__ import annotations

import math

from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._weights import layer_weights


def plain_score(student: Probe, teacher: Probe | None) -> float:
    """Sum over convolution and linear weights of theta dL / dtheta, L the mean cross-entropy.

    A weight that batch normalisation follows adds nothing but rounding, because the loss does not
    depend on its scale. A student whose gradient is zero has no signal and scores -inf.

    Source: Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021, its public code.
    """
    weights, gradients = layer_weights(student.model), student.weight_gradients
    if not any(bool(gradient.any()) for gradient in gradients.values()):
        return -math.inf
    return sum(
        float((weights[name].detach().double() * gradient).sum())
        for name, gradient in gradients.items()
    )


PROXY = Proxy(
    name="plain",
    function=plain_score,
    needs=frozenset({"weight_gradients", "labels", "model"}),
    initialisation="default",
    source="plain, Abdelfattah et al., ICLR 2021, arXiv 2101.08134",
    cost="backward",
    batch="images and labels",
    deviation="a student with a zero gradient scores -inf",
)
