"""SNIP: how much the loss hangs on each weight."""

from __future__ import annotations

from proxies._probe import Probe
from proxies._proxy import Proxy


def snip_score(student: Probe, teacher: Probe | None) -> float:
    """Sum over convolution and linear weights of |theta dL / dtheta|.

    Source: Lee et al., SNIP, ICLR 2019; as a score Abdelfattah et al., ICLR 2021.
    """
    return float(
        sum((weight * grad).abs().double().sum() for weight, grad in student.weight_gradients)
    )


SNIP = Proxy(
    name="snip",
    score=snip_score,
    needs=frozenset({"weight_gradients"}),
    initialisation="default",
    cost="backward",
    batch="real images with labels",
    source="SNIP, Lee et al., ICLR 2019; Abdelfattah et al., ICLR 2021",
)
