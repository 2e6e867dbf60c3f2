"""FitNets as a score: is the student's middle already the teacher's?"""

from __future__ import annotations

import math

from proxies._matching import matched_stages
from proxies._probe import Probe
from proxies._projection import projected
from proxies._proxy import Proxy
from proxies._similarity import tells_apart


def fitnets_loss_score(student: Probe, teacher: Probe | None) -> float:
    """Minus the mean squared difference of the middle feature maps, the hint of FitNets.

    Maps are matched from the deep end (`matched_stages`); the pair in the middle is compared, of
    two middle ones the deeper. Unequal resolutions are average-pooled to the smaller, unequal
    widths bridged by a fixed orthogonal projection of the student (`projected`). At most 0.
    Float64. A student whose map is the same for all images has no signal and scores -inf.

    Source: Romero et al., FitNets, ICLR 2015, eq. 3; as a score DisWOT (Dong, Li and Wei, CVPR
    2023). The published loss is half the sum over the entries, which would grow with the
    resolution and the width of the map.
    """
    if teacher is None:
        return math.nan
    pairs = matched_stages(student, teacher)
    pair = pairs[(len(pairs) - 1) // 2]
    ours, theirs = pair.ours.map, pair.theirs.map
    if not tells_apart(ours):
        return -math.inf
    guided = pair.pooled(projected(ours, theirs.shape[1]))
    return -float((guided - pair.pooled(theirs).to(guided.device)).square().mean())


PROXY = Proxy(
    name="fitnets_loss",
    function=fitnets_loss_score,
    needs=frozenset({"features", "teacher"}),
    initialisation="gaussian",
    source=(
        "FitNets, Romero et al., ICLR 2015, arXiv 1412.6550, eq. 3; as a score DisWOT, Dong, Li & "
        "Wei, CVPR 2023, arXiv 2303.15678"
    ),
    cost="forward",
    batch="images",
    deviation=(
        "mean over entries in place of half their sum; a fixed seeded orthogonal projection in "
        "place of a trained regressor, none for equal widths; average pooling for unequal "
        "resolutions"
    ),
)
