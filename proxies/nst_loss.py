"""NST as a score: do the student's channels respond to the same places as the teacher's?"""

from __future__ import annotations

import math

from torch import Tensor

from proxies._matching import StagePair, matched_stages
from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._similarity import tells_apart, unit_rows


def nst_loss_score(student: Probe, teacher: Probe | None) -> float:
    """Minus the squared maximum mean discrepancy between the channels, summed over the stages.

    Each channel of each image is a sample: its ``height * width`` activations divided by their L2
    norm. With k(x, y) = (x y)^2, the polynomial kernel of degree 2 without a constant, a stage
    adds mean k(t, t') + mean k(s, s') - 2 mean k(s, t), averaged over the batch. Maps are matched
    from the deep end (`matched_stages`), unequal resolutions average-pooled to the smaller; widths
    may differ. At most 0. Float64. A student whose last map is the same for all images has no
    signal and scores -inf.

    Source: Huang and Wang, Like What You Like, 2017; as a score DisWOT (Dong, Li and Wei, CVPR
    2023).
    """
    if teacher is None:
        return math.nan
    pairs = matched_stages(student, teacher)
    if not tells_apart(pairs[0].ours.map):
        return -math.inf
    return -sum(_discrepancy(pair) for pair in pairs)


def _discrepancy(pair: StagePair) -> float:
    s, t = pair.both_pooled("selectivities", _selectivities)
    ours, theirs = pair.both_pooled("selectivities' kernel", _own_kernel)
    return float(theirs + ours - 2 * _mean_kernel(s, t))


def _own_kernel(feature: Tensor) -> Tensor:
    own = _selectivities(feature)
    return _mean_kernel(own, own)


def _selectivities(feature: Tensor) -> Tensor:
    """``(batch, channel, height * width)`` with every channel of length one."""
    flat = feature.flatten(2)
    return unit_rows(flat.flatten(0, 1)).view_as(flat)


def _mean_kernel(one: Tensor, other: Tensor) -> Tensor:
    """Mean of k between the channels of both, ``(batch, channel, position)``.

    The sum over pairs of channels is also one over pairs of positions: the smaller one is formed.
    """
    (images, ours, positions), theirs = one.shape, other.shape[1]
    if positions**2 >= ours * theirs:
        return (one @ other.mT).square().mean()
    total = ((one.mT @ one) * (other.mT @ other)).sum()
    return total / (images * ours * theirs)


PROXY = Proxy(
    name="nst_loss",
    function=nst_loss_score,
    needs=frozenset({"features", "teacher"}),
    initialisation="gaussian",
    source=(
        "NST, Huang & Wang 2017, arXiv 1707.01219, polynomial kernel; as a score DisWOT, Dong, Li "
        "& Wei, CVPR 2023, arXiv 2303.15678"
    ),
    cost="forward",
    batch="images",
)
