"""NST as a score: do the student's channels respond to the same places as the teacher's?"""

from __future__ import annotations

import math

from torch import Tensor

from proxies._matching import matched_maps, pooled_alike, tells_apart
from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._similarity import unit_rows


def nst_loss_score(student: Probe, teacher: Probe | None) -> float:
    """Minus the squared maximum mean discrepancy between the channels, summed over the stages.

    Each channel of each image is a sample: its ``height * width`` activations divided by their L2
    norm. With k(x, y) = (x y)^2, the polynomial kernel of degree 2 without a constant, a stage
    adds mean k(t, t') + mean k(s, s') - 2 mean k(s, t), averaged over the batch. Maps are matched
    from the deep end (`matched_maps`), unequal resolutions average-pooled to the smaller; widths
    may differ. At most 0. Float64. A student whose last map is the same for all images has no
    signal and scores -inf.

    Source: Huang and Wang, Like What You Like, 2017; as a score DisWOT (Dong, Li and Wei, CVPR
    2023).
    """
    if teacher is None:
        return math.nan
    pairs = matched_maps(student, teacher)
    if not tells_apart(pairs[0][0]):
        return -math.inf
    return -sum(_discrepancy(*pooled_alike(*pair)) for pair in pairs)


def _discrepancy(ours: Tensor, theirs: Tensor) -> float:
    s, t = _selectivities(ours), _selectivities(theirs)
    return float(_mean_kernel(t, t) + _mean_kernel(s, s) - 2 * _mean_kernel(s, t))


def _selectivities(feature: Tensor) -> Tensor:
    """``(batch, channel, height * width)`` with every channel of length one."""
    flat = feature.flatten(2)
    return unit_rows(flat.flatten(0, 1)).view_as(flat)


def _mean_kernel(one: Tensor, other: Tensor) -> Tensor:
    return (one @ other.mT).square().mean()


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
