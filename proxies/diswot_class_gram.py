"""M_s of DisWOT between networks of any widths, by class Gram matrices."""

from __future__ import annotations

import math

from torch import Tensor

from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._similarity import require_same_classes, unit_rows


def class_gram_similarity(student: Probe, teacher: Probe | None) -> float:
    """Minus the mean squared distance of matching rows of the normalised class Gram matrices.

    With g ``(class, channel)`` the classifier's weight gradient, g g^T is ``(class, class)`` for
    every network: it tells how alike the network treats two classes. Its rows are divided by
    their L2 norm; alive in both networks, a class adds 2 - 2 cosine. The score lies in [-4, 0].
    Dead classes and dead students are treated as in `semantic_similarity`. Float64.
    """
    if teacher is None:
        return math.nan
    ours, theirs = student.head_gradient, teacher.head_gradient
    require_same_classes(ours, theirs)
    if not ours.any():
        return -math.inf
    difference = _class_gram(ours) - teacher.derived(
        "class_gram", lambda probe: _class_gram(probe.head_gradient)
    )
    return -float(difference.square().sum(1).mean())


def _class_gram(gradient: Tensor) -> Tensor:
    """Row-normalised ``(class, class)`` Gram matrix."""
    scaled = gradient / gradient.abs().amax().clamp_min(1e-300)  # cancels out; no underflow
    return unit_rows(scaled @ scaled.T)


PROXY = Proxy(
    name="diswot_class_gram",
    function=class_gram_similarity,
    needs=frozenset({"head_gradient", "labels", "teacher"}),
    initialisation="gaussian",
    source="after DisWOT, Dong, Li & Wei, CVPR 2023, arXiv 2303.15678, semantic similarity",
    cost="forward",
    batch="images and labels",
    deviation="class Gram matrix in place of each class's channel Gram matrix; any widths",
    ours=True,
)
