"""ICKD as a score: do the student's channels go together as the teacher's do?"""

from __future__ import annotations

import math

from torch import Tensor

from proxies._matching import matched_stages
from proxies._probe import Probe
from proxies._projection import projected
from proxies._proxy import Proxy
from proxies._similarity import tells_apart, unit_rows


def ickd_loss_score(student: Probe, teacher: Probe | None) -> float:
    """Minus the squared difference of the channels' correlations in the last map.

    For each image, F F^T with F ``(channel, height * width)`` has its rows divided by their L2
    norm; the squared differences of student and teacher are summed and divided by batch * channel.
    Resolutions may differ; unequal widths are bridged by a fixed orthogonal projection of the
    student (`projected`). The score lies in [-4, 0]. Float64. A student whose last map is the same
    for all images has no signal and scores -inf.

    Source: Liu et al., Exploring Inter-Channel Correlation for Diversity-Preserved Knowledge
    Distillation, ICCV 2021, with rows normalised as in the authors' code; as a score DisWOT (Dong,
    Li and Wei, CVPR 2023), whose ``diswot_ms`` applies the distance to the classifier's gradient.
    """
    if teacher is None:
        return math.nan
    pair = matched_stages(student, teacher)[0]
    if not tells_apart(pair.ours.map):
        return -math.inf
    theirs = pair.theirs.derived("channel correlations", _correlations)
    ours = _correlations(projected(pair.ours.map, theirs.shape[1])).to(theirs.device)
    return -float((ours - theirs).square().sum()) / (theirs.shape[0] * theirs.shape[1])


def _correlations(feature: Tensor) -> Tensor:
    """Row-normalised Gram matrices of the images' channels, ``(batch, channel, channel)``."""
    flat = feature.flatten(2)  # (batch, channel, height * width)
    gram = flat @ flat.mT
    return unit_rows(gram.flatten(0, 1)).view_as(gram)


PROXY = Proxy(
    name="ickd_loss",
    function=ickd_loss_score,
    needs=frozenset({"features", "teacher"}),
    initialisation="gaussian",
    source=(
        "ICKD, Liu et al., ICCV 2021, arXiv 2202.03680; as a score DisWOT, Dong, Li & Wei, CVPR "
        "2023, arXiv 2303.15678"
    ),
    cost="forward",
    batch="images",
    deviation=(
        "a fixed seeded orthogonal projection in place of a trained one, none for equal widths"
    ),
)
