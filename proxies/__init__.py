"""How an untrained student is scored: one file per proxy, shared passes.

Proxies that assume the same initial weights and look at the same input share a forward pass; see
`score_student`.

>>> score_student(build, images, labels, proxies=["naswot"], features=..., head=..., seed=0)
{'naswot': ...}
"""

from __future__ import annotations

from proxies._fusion import ReferenceFusion, log_rank_fusion
from proxies._initialise import initialise
from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._rank_fusion import RankFusion
from proxies._registered import PROXIES
from proxies._scoring import score_student
from proxies._teacher import TeacherProbes

__all__ = [
    "PROXIES",
    "Probe",
    "Proxy",
    "RankFusion",
    "ReferenceFusion",
    "TeacherProbes",
    "initialise",
    "log_rank_fusion",
    "score_student",
]
