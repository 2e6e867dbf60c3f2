"""ICKD as a score: do the student's channels go together as the teacher's do?"""

from __future__ import annotations

import math

import torch
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
    theirs = pair.theirs.derived("scaled channels", _scaled_channels)
    ours = _scaled_channels(projected(pair.ours.map, theirs.shape[1])).to(theirs.device)
    batch, channels = theirs.shape[:2]
    return -squared_difference_of_correlations(ours, theirs) / (batch * channels)


def _scaled_channels(feature: Tensor) -> Tensor:
    """``(batch, channel, height * width)``, each image divided by its largest magnitude."""
    flat = feature.flatten(2)
    largest = flat.abs().amax((1, 2), keepdim=True)
    return flat / torch.where(largest == 0, 1.0, largest)


def squared_difference_of_correlations(one: Tensor, other: Tensor) -> float:
    """Squared difference of F F^T and G G^T with rows of length one, summed over all images.

    Zero rows stay zero. Where there are more channels than positions, the row products follow from
    f_i F^T G g_i^T, without any matrix of channels by channels: no more memory than the maps
    themselves is needed either way.

    Args:
        one: F, ``(image, channel, position)``, of about unit magnitude.
        other: G, with as many images and channels.
    """
    if one.shape[1] <= max(one.shape[2], other.shape[2]):
        grams = (each @ each.mT for each in (one, other))
        rows, others = (unit_rows(gram.flatten(0, 1)) for gram in grams)
        return float((rows - others).square().sum())
    f, g = (unit_rows(each.flatten(0, 1)).view_as(each) for each in (one, other))
    own, theirs = _row_products(f, one, one, f), _row_products(g, other, other, g)
    lengths = own.clamp_min(0).sqrt() * theirs.clamp_min(0).sqrt()  # (image, channel)
    products = _row_products(f, one, other, g)
    cosines = (products / lengths.where(lengths != 0, 1.0)).clamp(-1, 1)
    alive = (own != 0).double() + (theirs != 0).double()
    return float((alive - 2 * cosines).sum().clamp_min(0))


def _row_products(left: Tensor, one: Tensor, other: Tensor, right: Tensor) -> Tensor:
    """Products of each row of left one^T with that of right other^T, ``(image, channel)``."""
    return ((left @ (one.mT @ other)) * right).sum(2)


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
