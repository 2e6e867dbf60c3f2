"""Attention transfer as a score: does the student look where the teacher looks?"""

from __future__ import annotations

import math

from torch import Tensor

from proxies._matching import matched_maps, pooled_alike, tells_apart
from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._similarity import unit_rows


def at_loss_score(student: Probe, teacher: Probe | None) -> float:
    """Minus the mean squared difference of the attention maps, summed over the stages.

    The attention of a map is the sum over its channels of the squares (p = 2), flattened to
    ``(batch, height * width)`` and divided by its L2 norm. Maps are matched from the deep end
    (`matched_maps`), unequal resolutions average-pooled to the smaller; widths may differ. At most
    0. Float64. A student whose last map is the same for all images has no signal and scores -inf.

    Source: Zagoruyko and Komodakis, Paying More Attention to Attention, ICLR 2017, eq. 2, with the
    mean over pixels of the square that the authors' code takes; as a score DisWOT (Dong, Li and
    Wei, CVPR 2023).
    """
    if teacher is None:
        return math.nan
    pairs = matched_maps(student, teacher)
    if not tells_apart(pairs[0][0]):
        return -math.inf
    return -sum(_distance(*pooled_alike(*pair)) for pair in pairs)


def _distance(ours: Tensor, theirs: Tensor) -> float:
    return float((_attention(ours) - _attention(theirs)).square().mean())


def _attention(feature: Tensor) -> Tensor:
    """``(batch, height * width)`` with rows of length one."""
    return unit_rows(feature.square().sum(1).flatten(1))


PROXY = Proxy(
    name="at_loss",
    function=at_loss_score,
    needs=frozenset({"features", "teacher"}),
    initialisation="gaussian",
    source=(
        "AT, Zagoruyko & Komodakis, ICLR 2017, arXiv 1612.03928, eq. 2; as a score DisWOT, Dong, "
        "Li & Wei, CVPR 2023, arXiv 2303.15678"
    ),
    cost="forward",
    batch="images",
    deviation="mean squared difference, as in the authors' code, in place of the norm",
)
