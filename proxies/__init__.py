"""How an untrained student is scored: one file per proxy, one shared forward pass for all.

>>> scores = score_student(build, images, labels, proxies=["naswot"], features=..., head=..., seed=0)
"""

from __future__ import annotations

from nas_kd.registry import Registry
from proxies import diswot, grad_norm, jacov, naswot, sizes, snip, synflow
from proxies._fusion import ReferenceFusion, log_rank_fusion
from proxies._initialise import initialise
from proxies._probe import Probe
from proxies._proxy import Proxy
from proxies._score import TeacherProbes, score_student

PROXIES: Registry[Proxy] = Registry("proxies")
for _proxy in (
    *diswot.PROXIES,
    naswot.NASWOT,
    synflow.SYNFLOW,
    grad_norm.GRAD_NORM,
    snip.SNIP,
    jacov.JACOV,
    sizes.PARAMS,
    sizes.MACS,
):
    PROXIES.register(_proxy.name, _proxy)

__all__ = [
    "PROXIES",
    "Probe",
    "Proxy",
    "ReferenceFusion",
    "TeacherProbes",
    "initialise",
    "log_rank_fusion",
    "score_student",
]
