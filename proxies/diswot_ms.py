"""M_s of DisWOT: do student and teacher pull their classifiers in the same directions?"""

from __future__ import annotations

import math

from nas_kd.errors import UsageError
from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._similarity import require_same_classes, unit_rows
from proxies.diswot_class_gram import class_gram_similarity


def semantic_similarity(student: Probe, teacher: Probe | None) -> float:
    """Minus the mean squared difference of the row-normalised channel Gram matrices of classes.

    With g ``(class, channel)`` the gradient of the classifier's weight and g_n its row for class
    n, the definition divides every row of g_n g_n^T, ``(channel, channel)``, by its L2 norm, sums
    the squared differences of student and teacher over everything, and divides by class * channel.
    Row i of the normalised matrix is sign(g_ni) g_n / |g_n|, hence the closed form used here::

        M_s = -mean_n [alive(s_n) + alive(t_n) - 2 agreement(s_n, t_n) cosine(s_n, t_n)]

    with alive the share of non-zero entries and agreement the mean product of signs over channels.
    It lies in [-4, 0], costs O(class * channel), and needs no backward pass.

    Dead rows. A class is alive in a network when its row has a non-zero entry in float64, however
    small. A dead class has a zero row, alive = 0: it adds at most 1 when dead in one network, and
    nothing when dead in both. The reference code's threshold of 1e-12 on the norm is not applied,
    because under N(0, 1) weights the score then counts which classes are alive. A student of
    which every class is dead has no signal and scores -inf.

    Widths. Channels of networks of different widths do not correspond, and the definition does
    not exist. Then the score is that of `class_gram_similarity`, in the same range but another
    scale. Where the teacher's probe knows the widths of all students, as it does in a search, one
    form serves them all: the definition if all are as wide as the teacher, else class Gram
    matrices. Where it does not, students that differ from the teacher in width do not compare with
    those that do not: use ``diswot_class_gram`` for all.

    Source: DisWOT (Dong, Li and Wei, CVPR 2023), semantic similarity; the distance is that of
    inter-channel correlation distillation (Liu et al., ICCV 2021).

    Raises:
        UsageError: The classes differ, or the student is of a width that the teacher's probe was
            not told of while all others are as wide as the teacher.
    """
    if teacher is None:
        return math.nan
    ours, theirs = student.head_gradient, teacher.head_gradient
    require_same_classes(ours, theirs)
    if not _channels_correspond(ours.shape[1], theirs.shape[1], teacher.student_widths):
        return class_gram_similarity(student, teacher)
    if not ours.any():
        return -math.inf
    our_signs, their_signs = ours.sign(), theirs.sign()
    alive = our_signs.abs().mean(1) + their_signs.abs().mean(1)  # (class,)
    agreement = (our_signs * their_signs).mean(1)
    cosine = (unit_rows(ours) * unit_rows(theirs)).sum(1)
    return -float((alive - 2 * agreement * cosine).mean())


def _channels_correspond(student: int, teacher: int, students: frozenset[int]) -> bool:
    """Whether the definition holds for this student and for all others."""
    if students == {teacher} and student != teacher:
        raise UsageError(
            f"the classifier of this student reads {student} channels, and those of the teacher "
            f"and of all other students {teacher}, so that their scores do not compare. Use "
            "diswot_class_gram, which takes any widths."
        )
    return {student, *students} == {teacher}


PROXY = Proxy(
    name="diswot_ms",
    function=semantic_similarity,
    needs=frozenset({"head_gradient", "labels", "teacher"}),
    initialisation="gaussian",
    source="DisWOT, Dong, Li & Wei, CVPR 2023, arXiv 2303.15678, semantic similarity",
    cost="forward",
    batch="images and labels",
    deviation=(
        "float64 without the 1e-12 threshold on norms; class Gram matrices where students "
        "and teacher differ in width; a student with a zero gradient scores -inf"
    ),
)
