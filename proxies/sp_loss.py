"""Similarity-preserving distillation as a score: are the same images alike in all stages?"""

from __future__ import annotations

import math

from torch import Tensor

from proxies._matching import matched_stages
from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._similarity import tells_apart, unit_rows


def sp_loss_score(student: Probe, teacher: Probe | None) -> float:
    """Minus the mean squared difference of the row-normalised batch Gram matrices, over stages.

    With F a map flattened to ``(batch, channel * height * width)``, the rows of F F^T are divided
    by their L2 norm; the squared differences of student and teacher are summed, divided by batch^2
    and added up over the stages, matched from the deep end (`matched_stages`). Widths and
    resolutions may differ. With one stage it is ``diswot_mr``, whose distance is that of the
    distiller of the same name. At most 0. Float64. A student whose last map is the same for all
    images has no signal and scores -inf.

    Source: Tung and Mori, Similarity-Preserving Knowledge Distillation, ICCV 2019, eq. 1 to 4; as
    a score DisWOT (Dong, Li and Wei, CVPR 2023).
    """
    if teacher is None:
        return math.nan
    pairs = matched_stages(student, teacher)
    if not tells_apart(pairs[0].ours.map):
        return -math.inf
    relations = [pair.both("relations", _relations) for pair in pairs]
    return -sum(float((ours - theirs).square().mean()) for ours, theirs in relations)


def _relations(feature: Tensor) -> Tensor:
    """Row-normalised ``(batch, batch)`` Gram matrix."""
    flat = feature.flatten(1)
    return unit_rows(flat @ flat.T)


PROXY = Proxy(
    name="sp_loss",
    function=sp_loss_score,
    needs=frozenset({"features", "teacher"}),
    initialisation="gaussian",
    source=(
        "SP, Tung & Mori, ICCV 2019, arXiv 1907.09682, eq. 1 to 4; as a score DisWOT, Dong, Li & "
        "Wei, CVPR 2023, arXiv 2303.15678"
    ),
    cost="forward",
    batch="images",
)
