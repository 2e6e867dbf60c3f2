"""L-SWAG: how little the gradients vary, times how many different patterns the layers have."""

from __future__ import annotations

import math

from torch import Tensor

from proxies._probe import Probe
from proxies._proxy import Proxy


def l_swag_score(student: Probe, teacher: Probe | None) -> float:
    """Lambda times Psi.

    Lambda is the sum over convolutions and linear layers of the log of the sum over weights of
    1 / std g, g the gradient of the mean cross-entropy over two batches, the halves of the given
    one. Weights of zero deviation are left out, and layers of which none is left. Psi is the sum
    over the calls of the activation modules of the number of different words among their units
    (see `swap_score`). A student without any layer left, or a batch of fewer than four images,
    scores -inf.

    The source sums over a window of depths, found where the deviations of a thousand random
    networks of the space peak; all layers count here, because a score may know no space.

    Source: Casarin, Escalera and Lanz, L-SWAG, CVPR 2025.
    """
    terms = [_steadiness(gradients) for gradients in student.half_gradients.values()]
    logs = [math.log(term) for term in terms if term != 0]
    if not logs:
        return -math.inf
    return sum(logs) * sum(len(words) for words in student.activation_words)


def _steadiness(gradients: Tensor) -> float:
    """From the gradients of one layer, ``(batch, *weight)``."""
    deviation = gradients.double().std(0, correction=0)
    return float((1 / deviation[deviation != 0]).sum())


PROXY = Proxy(
    name="l_swag",
    function=l_swag_score,
    needs=frozenset({"half_gradients", "relu_words", "labels"}),
    initialisation="default",
    source="L-SWAG, Casarin, Escalera & Lanz, CVPR 2025, arXiv 2505.07300",
    cost="forward, and forward and backward of each half of the batch",
    batch="images and labels, whole and in two halves",
    deviation=(
        "all layers in place of a selected window; two batches, the halves of the given one; GELU, "
        "SiLU and alike count as ReLU does"
    ),
)
