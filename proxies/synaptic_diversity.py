"""Synaptic diversity: how many directions the attention's weights and gradients span."""

from __future__ import annotations

from proxies._nuclear_norm import nuclear_norm
from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._saliency import weights_and_gradients
from proxies._transformer import transformer_blocks
from proxies.head_importance import LOSS_DEVIATION


def synaptic_diversity_score(student: Probe, teacher: Probe | None) -> float:
    """Sum over the attention's weights W of the nuclear norm of dL / dW times that of W.

    L is the mean cross-entropy. The weights are those for queries, keys, values and outputs, and
    count as one matrix where the network holds them as one.

    Source: Serianni and Kalita, Training-free Neural Architecture Search for RNNs and
    Transformers, ACL 2023, after TF-TAS (Zhou et al., CVPR 2022).

    Raises:
        UsageError: The network has no attention.
    """
    layers = [name for block in transformer_blocks(student.model) for name in block.attention]
    return sum(
        nuclear_norm(weight) * nuclear_norm(gradient)
        for weight, gradient in weights_and_gradients(student, layers)
    )


PROXY = Proxy(
    name="synaptic_diversity",
    function=synaptic_diversity_score,
    needs=frozenset({"attention", "weight_gradients", "labels", "model"}),
    initialisation="default",
    source="synaptic diversity, Serianni & Kalita, ACL 2023, arXiv 2306.00288",
    cost="backward",
    batch="images and labels",
    deviation=LOSS_DEVIATION,
)
