"""Softmax confidence: how sure the surest attention head is."""

from __future__ import annotations

import math

from torch import Tensor

from proxies._attention_maps import WatchedAttention
from proxies._evaluation_pass import evaluation_pass
from proxies._matching import tells_apart
from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._transformer import not_a_transformer


def softmax_confidence_score(student: Probe, teacher: Probe | None) -> float:
    """Sum over layers of the mean of the attention map's maximum over the heads.

    Maps are ``(batch, head, query, key)``, after the softmax; how they are seen, and which are
    not, tells `WatchedAttention`. A student of which all are the same for all images has no signal
    and scores -inf.

    Source: Serianni and Kalita, Training-free Neural Architecture Search for RNNs and
    Transformers, ACL 2023, head softmax confidence, as in their code; after Voita et al., ACL 2019.

    Raises:
        UsageError: No attention map is seen.
    """
    confidences: list[float] = []
    signals: list[bool] = []

    def watch(attention: Tensor) -> None:
        signals.append(tells_apart(attention))
        confidences.append(float(attention.amax(1).mean()))

    with WatchedAttention(watch):
        evaluation_pass(student, {})
    if not confidences:
        raise not_a_transformer(student.model)
    return sum(confidences) if any(signals) else -math.inf


PROXY = Proxy(
    name="softmax_confidence",
    function=softmax_confidence_score,
    needs=frozenset({"attention", "model"}),
    initialisation="default",
    source="head softmax confidence, Serianni & Kalita, ACL 2023, arXiv 2306.00288",
    cost="one more forward",
    batch="images",
    deviation="evaluation mode, so that nothing is dropped",
)
