"""Head importance: how much the loss hangs on the attention heads."""

from __future__ import annotations

from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._saliency import saliency
from proxies._transformer import transformer_blocks

LOSS_DEVIATION = (
    "gradient of the cross-entropy; the released code takes that of the summed last hidden states, "
    "which a last layer normalisation holds constant"
)


def head_importance_score(student: Probe, teacher: Probe | None) -> float:
    """Sum over the weights for queries, keys and values of |W dL / dW|, L the cross-entropy.

    Source: Serianni and Kalita, Training-free Neural Architecture Search for RNNs and
    Transformers, ACL 2023, with their code's weights in place of the heads' outputs; after Michel
    et al., NeurIPS 2019. Their bound of 128 on the layers' width belongs to their space and is
    left out.

    Raises:
        UsageError: The network has no attention.
    """
    blocks = transformer_blocks(student.model)
    return saliency(student, [name for block in blocks for name in block.queries])


PROXY = Proxy(
    name="head_importance",
    function=head_importance_score,
    needs=frozenset({"attention", "weight_gradients", "labels", "model"}),
    initialisation="default",
    source="attention head importance, Serianni & Kalita, ACL 2023, arXiv 2306.00288",
    cost="backward",
    batch="images and labels",
    deviation=f"{LOSS_DEVIATION}; layers of all widths",
)
