"""DisWOT: how far an untrained student is from an untrained teacher, in two closed forms.

Source: Dong, Li and Wei, DisWOT: Student Architecture Search for Distillation WithOut Training,
CVPR 2023, arXiv 2303.15678. Both networks are drawn from N(0, 1); one batch of real images.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from nas_kd.errors import UsageError
from proxies._probe import Probe
from proxies._proxy import Proxy, Score


def relation_score(student: Probe, teacher: Probe | None) -> float:
    """M_r: minus the distance of the row-normalised batch Gram matrices of the last feature maps.

    With unit rows the paper's sum of squared differences over B^2 is (2 / B)(1 - mean cosine of
    matching rows), so the score lies in [-2 / B, 0]: those of different batch sizes do not compare.
    """
    s, t = student.gram, _required(teacher).gram
    cosines = (s * t).sum(1)
    return float(-(s.square().sum(1) + t.square().sum(1) - 2 * cosines).sum() / len(s) ** 2)


def semantic_score(student: Probe, teacher: Probe | None) -> float:
    """M_s: minus the distance of the channel Gram matrices of the classifier's weight gradients.

    Row i of the row-normalised outer product of a class gradient g is sign(g_i) g / |g|. The squared
    difference over channels is therefore alive(s) + alive(t) - 2 agreement * cosine, averaged over
    classes, with alive(g) the share of non-zero entries and agreement the mean product of signs: no
    C x C matrix and no backward pass. A class that is dead in one network (a zero row, when the
    softmax saturates) adds up to 1, one that is dead in both adds 0. Computed in float64, where
    the released code's float32 products underflow.

    Where student and teacher differ in channels, the paper's form does not exist. Then the rows of
    the class Gram matrices g g^T, ``(class, class)``, are compared (`class_gram_score`).
    """
    s, t = student.head_gradient, _required(teacher).head_gradient
    _require_same_classes(s, t)
    if s.shape[1] != t.shape[1]:
        return class_gram_score(student, teacher)
    agreement = (s.sign() * t.sign()).mean(1)
    cosine = (_unit_rows(s) * _unit_rows(t)).sum(1)
    alive = s.sign().abs().mean(1) + t.sign().abs().mean(1)
    return float(-(alive - 2 * agreement * cosine).mean())


def class_gram_score(student: Probe, teacher: Probe | None) -> float:
    """M_s on class Gram matrices: minus the mean squared distance of matching unit rows of g g^T.

    Needs no equal widths, as g g^T is ``(class, class)`` for every network. In [-4, 0].
    """
    s, t = student.head_gradient, _required(teacher).head_gradient
    _require_same_classes(s, t)
    distance = _unit_rows(s @ s.T) - _unit_rows(t @ t.T)
    return float(-distance.square().sum(1).mean())


def diswot_score(student: Probe, teacher: Probe | None) -> float:
    """M_r + M_s, the paper's plain sum.

    M_r is two to three orders of magnitude smaller, so the sum ranks as M_s does. To let both
    matter, search with ``diswot_mr`` and ``diswot_ms`` as two proxies: they are fused by rank
    or by scale.
    """
    return relation_score(student, teacher) + semantic_score(student, teacher)


def _required(teacher: Probe | None) -> Probe:
    if teacher is None:
        raise UsageError("proxies: DisWOT compares with a teacher, and none was given.")
    return teacher


def _require_same_classes(student: Tensor, teacher: Tensor) -> None:
    if len(student) != len(teacher):
        raise UsageError(
            f"proxies: the teacher has {len(teacher)} classes and the student {len(student)}; "
            "DisWOT compares class by class. Use a teacher trained on the same classes."
        )


def _unit_rows(matrix: Tensor) -> Tensor:
    """Rows of length one; zero rows stay zero."""
    largest = matrix.abs().amax(1, keepdim=True)
    scaled = torch.where(largest > 0, matrix / largest, matrix)
    return F.normalize(scaled, dim=1)


_SOURCE = "DisWOT, Dong, Li & Wei, CVPR 2023, arXiv 2303.15678"
_WIDTHS = "class-Gram form of M_s where student and teacher differ in width"


def _diswot(name: str, score: Score, needs: set[str], deviation: str) -> Proxy:
    return Proxy(
        name=name,
        score=score,
        needs=frozenset({*needs, "teacher"}),
        initialisation="gaussian",
        cost="forward",
        batch="real images with labels",
        source=_SOURCE,
        deviation=deviation,
    )


PROXIES = (
    _diswot("diswot", diswot_score, {"features", "head_gradient"}, _WIDTHS),
    _diswot("diswot_mr", relation_score, {"features"}, ""),
    _diswot("diswot_ms", semantic_score, {"head_gradient"}, _WIDTHS),
    _diswot("diswot_class_gram", class_gram_score, {"head_gradient"}, "M_s on class Gram matrices"),
)
