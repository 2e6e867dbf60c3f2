"""VKDNW_single: depth first, and among networks of equal depth VKDNW."""

from __future__ import annotations

from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._weights import layer_weights
from proxies.vkdnw import PROXY as VKDNW
from proxies.vkdnw import vkdnw_score


def vkdnw_single_score(student: Probe, teacher: Probe | None) -> float:
    """Number of convolutions and linear layers, plus `vkdnw_score`.

    Source: VKDNW, CVPR 2025.
    """
    return len(layer_weights(student.model)) + vkdnw_score(student, teacher)


PROXY = Proxy(
    name="vkdnw_single",
    function=vkdnw_single_score,
    needs=VKDNW.needs,
    initialisation=VKDNW.initialisation,
    source=VKDNW.source,
    cost=VKDNW.cost,
    batch=VKDNW.batch,
    input=VKDNW.input,
    deviation=VKDNW.deviation,
)
