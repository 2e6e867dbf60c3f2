"""Knowledge distillation as a score: does the student already answer as the teacher does?"""

from __future__ import annotations

import math

from torch.nn import functional as F

from nas_kd.errors import UsageError
from proxies._matching import require_same_batch
from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._similarity import tells_apart

_TEMPERATURE = 4.0


def kd_loss_score(student: Probe, teacher: Probe | None) -> float:
    """Minus T^2 times the KL divergence from the teacher's to the student's softened classes, T 4.

    With p = softmax(logits / T), ``(batch, class)``: the sum over classes of
    p_teacher (log p_teacher - log p_student), averaged over the batch. At most 0. Float64. A
    student with the same logits for all images has no signal and scores -inf.

    Source: Hinton, Vinyals and Dean 2015, section 2, the loss of the distiller ``kd``; as a score
    DisWOT (Dong, Li and Wei, CVPR 2023), whose experiments distil with T = 4.
    """
    if teacher is None:
        return math.nan
    ours, theirs = student.logits.double(), teacher.logits.double()
    require_same_batch(ours, theirs)
    if ours.shape[1] != theirs.shape[1]:
        raise UsageError(
            f"the teacher has {theirs.shape[1]} classes and the student {ours.shape[1]}; kd_loss "
            "compares their probabilities class by class. Use a teacher of the same classes, or "
            "another proxy."
        )
    if not tells_apart(ours):
        return -math.inf
    divergence = F.kl_div(
        F.log_softmax(ours / _TEMPERATURE, dim=1),
        F.log_softmax(theirs.to(ours.device) / _TEMPERATURE, dim=1),
        reduction="batchmean",
        log_target=True,
    )
    return -(_TEMPERATURE**2) * float(divergence)


PROXY = Proxy(
    name="kd_loss",
    function=kd_loss_score,
    needs=frozenset({"logits", "teacher"}),
    initialisation="gaussian",
    source=(
        "KD, Hinton, Vinyals & Dean 2015, arXiv 1503.02531; as a score DisWOT, Dong, Li & Wei, "
        "CVPR 2023, arXiv 2303.15678"
    ),
    cost="forward",
    batch="images",
)
