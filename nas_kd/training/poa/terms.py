"""The terms of POA's loss. Views come first in every shape: ``(view, sample, prototype)``."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from nas_kd.training.poa.views import OfViews

STUDENT_TEMPERATURE = 0.1


def cross_entropy(targets: Tensor, scores: Tensor) -> Tensor:
    """-sum over prototypes of target log softmax(score / 0.1), ``(..., sample)``."""
    log_shares = F.log_softmax(scores.float() / STUDENT_TEMPERATURE, dim=-1)
    return -(targets * log_shares).sum(-1)


def cross_view(targets: Tensor, scores: OfViews) -> Tensor:
    """A student's agreement with the teacher on other views of the same image.

    Args:
        targets: The teacher's for the global views, ``(global, sample, prototype)``.
        scores: The student's. A global view is compared with all global views but itself, a local
            view with all.

    Returns:
        The mean over all such pairs: for two global and eight local views, over 2 + 16.

    Source: POA, equations 5 to 8, divided as in DINOv2's code.
    """
    everyone = targets.sum(0)  # sample, prototype
    of_whole = cross_entropy(everyone - targets, scores.whole)  # global view, sample
    of_local = cross_entropy(everyone, scores.local)  # local view, sample
    seen = len(targets)
    pairs = seen * (len(of_whole) - 1) + seen * len(of_local)
    return (of_whole.sum() + of_local.sum()) / (pairs * targets.shape[1])


def same_view(intact: OfViews, elastic: OfViews) -> Tensor:
    """The elastic student's agreement with the intact one on the very same views.

    Returns:
        The mean over the global views plus the mean over the local ones; the intact student gets
        no gradient, and its targets are its own softmax, without centring.

    Source: POA, equation 9; the two means are added, as in the released code.
    """
    loss = _same(intact.whole, elastic.whole)
    return loss + _same(intact.local, elastic.local) if intact.has_local else loss


def masked_patches(targets: Tensor, scores: Tensor, weights: Tensor, images: int) -> Tensor:
    """A student's agreement with the teacher on patches that only the teacher saw.

    Args:
        targets: The teacher's, ``(masked patch, prototype)``.
        scores: The student's, likewise.
        weights: One over the number of masked patches of the patch's image, ``(masked patch,)``.
        images: Views in all, masked or not, by whose number the sum is divided.

    Source: iBOT (Zhou et al., ICLR 2022, arXiv 2111.07832), equation 2, divided as DINOv2 does.
    """
    return (cross_entropy(targets, scores) * weights).sum() / images


@torch.no_grad()
def agreement(scores: Tensor) -> Tensor:
    """How far the scores of two views of one image go together, in [-1, 1].

    Args:
        scores: The teacher's for two global views, ``(2, sample, prototype)``.

    Returns:
        Correlation of the two views' scores over samples and prototypes, after the mean of each
        prototype has been taken off; 0 where all scores are equal.

    Near the point where every prototype is as likely as any other, targets differ from it by score
    / teacher temperature, students by score / 0.1, and a step brings the student's to ``agreement``
    times the target's: what views have in common grows only while the agreement is above the
    teacher's temperature over 0.1, and else withers.
    """
    first, second = scores.float() - scores.float().mean((0, 1))  # sample, prototype each
    lengths = (first.norm() * second.norm()).clamp_min(_SMALLEST)
    correlation: Tensor = (first * second).sum() / lengths
    return correlation


def spread(pooled: Tensor) -> Tensor:
    """KoLeo of the embeddings ``(sample, channel)``: -log distance to the nearest other one.

    Source: Sablayrolles et al., ICLR 2019 (arXiv 1806.03198), equation 2, of unit vectors. A single
    sample has no neighbour and gives 0. It is computed in float32 also under autocast: in half
    precision, neighbours that are close could not be told apart.
    """
    if len(pooled) < 2:
        return pooled.sum() * 0
    unit = F.normalize(pooled.float(), dim=-1)
    with torch.no_grad(), torch.autocast(unit.device.type, enabled=False):
        nearest = (unit @ unit.T).fill_diagonal_(-1).argmax(1)
    return -(F.pairwise_distance(unit, unit[nearest], eps=_SMALLEST) + _SMALLEST).log().mean()


_SMALLEST = 1e-8


def _same(intact: Tensor, elastic: Tensor) -> Tensor:
    targets = F.softmax(intact.detach().float() / STUDENT_TEMPERATURE, dim=-1)
    return cross_entropy(targets, elastic).mean()
