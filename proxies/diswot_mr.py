"""M_r of DisWOT: do student and teacher see the same likeness between images?"""

from __future__ import annotations

import math

from torch import Tensor

from nas_kd.errors import UsageError
from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._similarity import unit_rows


def relation_similarity(student: Probe, teacher: Probe | None) -> float:
    """Minus the mean squared difference of the row-normalised batch Gram matrices.

    With F ``(batch, channel * height * width)`` the map before pooling, F F^T has its rows divided
    by their L2 norm; the squared differences of student and teacher are summed and divided by
    batch^2. As rows are unit vectors, this is (2 / batch)(1 - mean cosine of matching rows), and
    the score lies in [-2 / batch, 0]: batches of different sizes do not compare. Channels and
    resolution may differ between the two. Float64.

    An image whose map is all zero gives a zero row; a student of which every image does has no
    signal and scores -inf.

    Source: DisWOT (Dong, Li and Wei, CVPR 2023), relation similarity; the distance is that of
    similarity-preserving distillation (Tung and Mori, ICCV 2019).
    """
    if teacher is None:
        return math.nan
    ours, theirs = (probe.derived("relation_gram", relation_gram) for probe in (student, teacher))
    if len(ours) != len(theirs):
        raise UsageError(
            f"the student saw {len(ours)} images and the teacher {len(theirs)}; "
            "probe both on the same batch."
        )
    if not ours.any():
        return -math.inf
    return -float((ours - theirs).square().sum()) / len(ours) ** 2


def relation_gram(probe: Probe) -> Tensor:
    """Row-normalised Gram matrix of the map before pooling, ``(batch, batch)``, float64, CPU."""
    flat = probe.last_feature.flatten(1).double()  # (batch, channel * height * width)
    return unit_rows(flat @ flat.T).cpu()


PROXY = Proxy(
    name="diswot_mr",
    function=relation_similarity,
    needs=frozenset({"last_feature", "teacher"}),
    initialisation="gaussian",
    source="DisWOT, Dong, Li & Wei, CVPR 2023, arXiv 2303.15678, relation similarity",
    cost="forward",
    batch="images",
    deviation="float64; a student whose last map is all zero scores -inf",
)
