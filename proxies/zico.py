"""ZiCo: how steady the gradients are from batch to batch."""

from __future__ import annotations

import math

from torch import Tensor

from proxies._probe import Probe
from proxies._proxy import Proxy


def zico_score(student: Probe, teacher: Probe | None) -> float:
    """Sum over layers of the log of the sum over weights of mean |g| / std g over two batches.

    g is the gradient of the mean cross-entropy by a weight of a convolution or linear layer; the
    two batches are the halves of the given one, and the deviation divides by 2. Weights of zero
    deviation are left out, and layers of which none is left. A student without any layer left, or
    a batch of fewer than four images, scores -inf.

    Source: Li et al., ZiCo, ICLR 2023, with the deviation of g itself, as in its public code.
    """
    terms = [_steadiness(gradients) for gradients in student.half_gradients.values()]
    logs = [math.log(term) for term in terms if term != 0]
    return sum(logs) if logs else -math.inf


def _steadiness(gradients: Tensor) -> float:
    """From the gradients of one layer, ``(batch, *weight)``."""
    deviation = gradients.double().std(0, correction=0)
    ratios = gradients.double().abs().mean(0) / deviation
    return float(ratios[deviation != 0].sum())


PROXY = Proxy(
    name="zico",
    function=zico_score,
    needs=frozenset({"half_gradients", "labels"}),
    initialisation="default",
    source="ZiCo, Li et al., ICLR 2023, arXiv 2301.11300",
    cost="forward and backward of each half of the batch",
    batch="images and labels, in two halves",
    deviation="two batches, the halves of the given one",
)
