"""Synaptic saliency: how much the loss hangs on a transformer's feed-forward weights."""

from __future__ import annotations

from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._saliency import saliency
from proxies._transformer import transformer_blocks
from proxies.head_importance import LOSS_DEVIATION


def synaptic_saliency_score(student: Probe, teacher: Probe | None) -> float:
    """Sum over the feed-forward weights of |W dL / dW|, L the mean cross-entropy.

    It is ``snip`` of the MLPs alone.

    Source: Serianni and Kalita, Training-free Neural Architecture Search for RNNs and
    Transformers, ACL 2023, after TF-TAS (Zhou et al., CVPR 2022).

    Raises:
        UsageError: The network has no attention.
    """
    blocks = transformer_blocks(student.model)
    return saliency(student, [name for block in blocks for name in block.feed_forward])


PROXY = Proxy(
    name="synaptic_saliency",
    function=synaptic_saliency_score,
    needs=frozenset({"attention", "weight_gradients", "labels", "model"}),
    initialisation="default",
    source="synaptic saliency, Serianni & Kalita, ACL 2023, arXiv 2306.00288",
    cost="backward",
    batch="images and labels",
    deviation=LOSS_DEVIATION,
)
