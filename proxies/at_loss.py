"""Attention transfer as a score: does the student look where the teacher looks?"""

from __future__ import annotations

import math

from torch import Tensor

from proxies._matching import matched_stages
from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._similarity import tells_apart, unit_rows


def at_loss_score(student: Probe, teacher: Probe | None) -> float:
    """Minus the mean squared difference of the attention maps, summed over the stages.

    The attention of a map is the sum over its channels of the squares (p = 2), flattened to
    ``(batch, height * width)`` and divided by its L2 norm. Maps are matched from the deep end
    (`matched_stages`), unequal resolutions average-pooled to the smaller; widths may differ. At
    most 0. Float64. A student whose last map is the same for all images has no signal and scores
    -inf.

    Source: Zagoruyko and Komodakis, Paying More Attention to Attention, ICLR 2017, eq. 2, with the
    mean over pixels of the square that the authors' code takes; as a score DisWOT (Dong, Li and
    Wei, CVPR 2023).
    """
    if teacher is None:
        return math.nan
    pairs = matched_stages(student, teacher)
    if not tells_apart(pairs[0].ours.map):
        return -math.inf
    attentions = [pair.both_pooled("attention", _attention) for pair in pairs]
    return -sum(float((ours - theirs).square().mean()) for ours, theirs in attentions)


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
