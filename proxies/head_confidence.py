"""Head confidence: how far the strongest token stands out for the attention heads."""

from __future__ import annotations

import math
from functools import partial

from torch import Tensor

from proxies._evaluation_pass import evaluation_pass
from proxies._matching import tells_apart
from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._transformer import transformer_blocks


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
    confidences: list[float] = []
    signals: list[bool] = []

    def watch(output: Tensor, *, parts: int) -> None:
        signals.append(tells_apart(output))
        confidences.extend(
            float(part.flatten(1, -2).amax(1).mean()) for part in output.chunk(parts, dim=-1)
        )

    evaluation_pass(
        student,
        {
            name: partial(watch, parts=3 // len(block.queries))
            for block in transformer_blocks(student.model)
            for name in block.queries
        },
    )
    return sum(confidences) if any(signals) else -math.inf


PROXY = Proxy(
    name="head_confidence",
    function=head_confidence_score,
    needs=frozenset({"attention", "model"}),
    initialisation="default",
    source="attention head confidence, Serianni & Kalita, ACL 2023, arXiv 2306.00288",
    cost="one more forward",
    batch="images",
    deviation="evaluation mode, so that nothing is dropped",
)
