"""Correlation congruence as a score: are the same images neighbours for both networks?"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from proxies._matching import both, embedding
from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._similarity import tells_apart, unit_rows

_GAMMA = 0.4
_ORDER = 2


def cc_loss_score(student: Probe, teacher: Probe | None) -> float:
    """Minus the mean squared difference of the images' correlation matrices, ``(batch, batch)``.

    The correlation of two images is the Gaussian RBF kernel exp(-g |x - y|^2), g = 0.4, of the
    classifier's inputs divided by their L2 norm, by its Taylor series to the second order: the sum
    over p = 0, 1, 2 of exp(-2g) (2g)^p / p! (x y)^p. Widths may differ. At most 0. Float64. A
    student with the same embedding for all images has no signal and scores -inf.

    Source: Peng et al., Correlation Congruence for Knowledge Distillation, ICCV 2019, Gaussian RBF;
    as a score DisWOT (Dong, Li and Wei, CVPR 2023).
    """
    if teacher is None:
        return math.nan
    if not tells_apart(embedding(student)):
        return -math.inf
    ours, theirs = both(student, teacher, "correlations of images", _correlations)
    return -float((ours - theirs).square().mean())


def _correlations(probe: Probe) -> Tensor:
    unit = unit_rows(embedding(probe))
    cosines = unit @ unit.T
    terms = [
        (2 * _GAMMA) ** order / math.factorial(order) * cosines**order
        for order in range(_ORDER + 1)
    ]
    return math.exp(-2 * _GAMMA) * torch.stack(terms).sum(0)


PROXY = Proxy(
    name="cc_loss",
    function=cc_loss_score,
    needs=frozenset({"pooled", "teacher"}),
    initialisation="gaussian",
    source=(
        "CC, Peng et al., ICCV 2019, arXiv 1904.01802; as a score DisWOT, Dong, Li & Wei, CVPR "
        "2023, arXiv 2303.15678"
    ),
    cost="forward",
    batch="images",
    deviation="the classifier's input in place of a trained embedding of it",
)
