"""PKT as a score: which images does each network take for neighbours, and how surely?"""

from __future__ import annotations

import math

from torch import Tensor

from proxies._matching import both, embedding
from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._similarity import tells_apart, unit_rows

_EPSILON = 1e-7


def pkt_loss_score(student: Probe, teacher: Probe | None) -> float:
    """Minus the divergence of the images' conditional probabilities of being neighbours.

    The kernel of two images is (1 + cosine) / 2 of the classifier's inputs; its rows are divided
    by their sums, which gives probabilities ``(batch, batch)``. The score is minus the mean over
    all entries of p log((p + e) / (q + e)), with p the teacher's, q the student's and e = 1e-7.
    Widths may differ. At most 0, but for rounding and e. Float64. A student with the same
    embedding for all images has no signal and scores -inf.

    Source: Passalis and Tefas, Learning Deep Representations with Probabilistic Knowledge
    Transfer, ECCV 2018, cosine kernel, with the diagonal and the mean of the authors' code; as a
    score DisWOT (Dong, Li and Wei, CVPR 2023).
    """
    if teacher is None:
        return math.nan
    if not tells_apart(embedding(student)):
        return -math.inf
    q, p = both(student, teacher, "neighbours", _neighbours)
    return -float((p * ((p + _EPSILON) / (q + _EPSILON)).log()).mean())


def _neighbours(probe: Probe) -> Tensor:
    """Probabilities of the images as neighbours of the image of the row."""
    unit = unit_rows(embedding(probe))
    kernel = (1 + unit @ unit.T) / 2
    return kernel / kernel.sum(1, keepdim=True)


PROXY = Proxy(
    name="pkt_loss",
    function=pkt_loss_score,
    needs=frozenset({"pooled", "teacher"}),
    initialisation="gaussian",
    source=(
        "PKT, Passalis & Tefas, ECCV 2018, arXiv 1803.10837, cosine kernel; as a score DisWOT, "
        "Dong, Li & Wei, CVPR 2023, arXiv 2303.15678"
    ),
    cost="forward",
    batch="images",
)
