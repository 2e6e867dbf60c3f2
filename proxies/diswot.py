"""DisWOT: how far an untrained student is from an untrained teacher."""

from __future__ import annotations

from proxies import diswot_mr, diswot_ms
from proxies._probe import Probe
from proxies._proxy import Proxy


def diswot_score(student: Probe, teacher: Probe | None) -> float:
    """M_r + M_s, the plain sum of `relation_similarity` and `semantic_similarity`.

    M_r is two to three orders of magnitude smaller, so that the sum ranks as M_s does. To let both
    count, score ``diswot_mr`` and ``diswot_ms`` and fuse them (`ReferenceFusion`,
    `log_rank_fusion`).

    Source: DisWOT (Dong, Li and Wei, CVPR 2023), N(0, 1) weights, train mode, one labelled batch.
    """
    return diswot_mr.relation_similarity(student, teacher) + diswot_ms.semantic_similarity(
        student, teacher
    )


PROXY = Proxy(
    name="diswot",
    function=diswot_score,
    needs=diswot_mr.PROXY.needs | diswot_ms.PROXY.needs,
    initialisation="gaussian",
    source="DisWOT, Dong, Li & Wei, CVPR 2023, arXiv 2303.15678",
    cost="forward",
    batch="images and labels",
    deviation=diswot_ms.PROXY.deviation,
)
