"""GraSP: how much each weight helps the gradient to flow."""

from __future__ import annotations

import math

from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._weights import layer_weights


def grasp_score(student: Probe, teacher: Probe | None) -> float:
    """Minus the sum over convolution and linear weights of theta (H g).

    g is the gradient of the mean cross-entropy by all these weights and H its Hessian; H g is the
    gradient of <g, g> with one of the two held constant. Larger is better: taking away the weight
    would lower the norm of the gradient. A student whose gradient is zero has no signal and scores
    -inf.

    Source: Wang, Zhang and Grosse, GraSP, ICLR 2020; as a score Abdelfattah et al.,
    ICLR 2021.
    """
    weights, curved = layer_weights(student.model), student.hessian_gradients
    if not any(bool(gradient.any()) for gradient in student.weight_gradients.values()):
        return -math.inf
    return -sum(
        float((weights[name].detach().double() * product).sum()) for name, product in curved.items()
    )


PROXY = Proxy(
    name="grasp",
    function=grasp_score,
    needs=frozenset({"hessian_gradients", "weight_gradients", "labels", "model"}),
    initialisation="default",
    source="GraSP, Wang et al., ICLR 2020; Abdelfattah et al., ICLR 2021, arXiv 2101.08134",
    cost="backward twice, through each other",
    batch="images and labels",
    deviation=(
        "temperature 1; one batch for both gradients; a student with a zero gradient scores -inf"
    ),
)
