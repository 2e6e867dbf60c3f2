"""RKD as a score: do the images lie to each other in the student as they do in the teacher?"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from proxies._matching import both, embedding
from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._similarity import tells_apart, unit_rows

_DISTANCE_WEIGHT = 25.0
_ANGLE_WEIGHT = 50.0


def rkd_loss_score(student: Probe, teacher: Probe | None) -> float:
    """Minus 25 times the distance-wise loss and 50 times the angle-wise loss.

    Points are the classifier's inputs, ``(batch, channel)``. Distances of pairs are divided by the
    mean of those above zero; angles are the cosines at every image between every two others. Both
    are compared by the Huber loss with threshold 1, averaged over all pairs and all triples,
    coinciding ones included as zeros. Scale, shift and rotation of either network do not matter;
    widths may differ. At most 0. Float64. A student with the same embedding for all images has no
    signal and scores -inf.

    Source: Park et al., Relational Knowledge Distillation, CVPR 2019, RKD-DA with its weights
    for image classification; as a score DisWOT (Dong, Li and Wei, CVPR 2023).
    """
    if teacher is None:
        return math.nan
    if not tells_apart(embedding(student)):
        return -math.inf
    distance_loss = F.smooth_l1_loss(*both(student, teacher, "distances", _distances))
    angle_loss = _angle_loss(embedding(student), embedding(teacher).to(student.pooled.device))
    return -float(_DISTANCE_WEIGHT * distance_loss + _ANGLE_WEIGHT * angle_loss)


def _distances(probe: Probe) -> Tensor:
    """``(batch, batch)``, in units of the mean distance of images that do not coincide."""
    points = embedding(probe)
    distances = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    apart = distances[distances > 0]
    return distances / apart.mean() if len(apart) else distances


def _angle_loss(ours: Tensor, theirs: Tensor) -> Tensor:
    """Between points ``(batch, channel)``, one image after the other as the vertex."""
    losses = [
        F.smooth_l1_loss(_cosines(ours, vertex), _cosines(theirs, vertex))
        for vertex in range(len(ours))
    ]
    return torch.stack(losses).mean()


def _cosines(points: Tensor, vertex: int) -> Tensor:
    """Between the directions from one point to every two others, ``(batch, batch)``.

    Points that coincide with it have no direction; their cosines are 0.
    """
    directions = unit_rows(points - points[vertex])
    return directions @ directions.T


PROXY = Proxy(
    name="rkd_loss",
    function=rkd_loss_score,
    needs=frozenset({"pooled", "teacher"}),
    initialisation="gaussian",
    source=(
        "RKD-DA, Park et al., CVPR 2019, arXiv 1904.05068; as a score DisWOT, Dong, Li & Wei, CVPR "
        "2023, arXiv 2303.15678"
    ),
    cost="forward",
    batch="images",
)
