"""Softmax confidence: how sure the surest attention head is."""

from __future__ import annotations

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
    maxima = student.evaluation("attention_maxima").attention_maxima
    if not maxima.values:
        raise not_a_transformer(student.model)
    return maxima.score()


PROXY = Proxy(
    name="softmax_confidence",
    function=softmax_confidence_score,
    needs=frozenset({"attention", "model", "attention_maxima"}),
    initialisation="default",
    source="head softmax confidence, Serianni & Kalita, ACL 2023, arXiv 2306.00288",
    cost="one more forward, shared in evaluation mode",
    batch="images",
    deviation="evaluation mode, so that nothing is dropped",
)
