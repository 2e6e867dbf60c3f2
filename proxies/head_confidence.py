"""Head confidence: how far the strongest token stands out for the attention heads."""

from __future__ import annotations

from proxies._probe import Probe
from proxies._proxy import Proxy


def head_confidence_score(student: Probe, teacher: Probe | None) -> float:
    """Sum over all queries, keys and values of the mean over the batch of their maximum.

    Queries, keys and values of each layer are ``(batch, token, channel)``; the maximum is taken
    over the tokens, the mean over batch and channels. A student of which all are the same for all
    images has no signal and scores -inf. ``softmax_confidence`` is the same of the attention maps.

    Source: Serianni and Kalita, Training-free Neural Architecture Search for RNNs and
    Transformers, ACL 2023, as in their code; after Voita et al., ACL 2019.

    Raises:
        UsageError: The network has no attention.
    """
    return student.evaluation("query_maxima").query_maxima.score()


PROXY = Proxy(
    name="head_confidence",
    function=head_confidence_score,
    needs=frozenset({"attention", "model", "query_maxima"}),
    initialisation="default",
    source="attention head confidence, Serianni & Kalita, ACL 2023, arXiv 2306.00288",
    cost="one more forward, shared in evaluation mode",
    batch="images",
    deviation="evaluation mode, so that nothing is dropped",
)
