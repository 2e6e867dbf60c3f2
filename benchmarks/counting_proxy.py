"""What the small search of `benchmarks.small_search` brings along: a proxy that counts, a teacher.

Loaded by ``nas-kd`` itself, as anybody's package would be: the proxy through an entry point, the
teacher by its import path.
"""

from __future__ import annotations

import hashlib
import math
import os
from pathlib import Path

import torch
from torch import nn

from nas_kd.costs import DeviceProfile, latency
from nas_kd.costs.sampling import Plan
from proxies import Probe, Proxy
from proxies.naswot import naswot_score

LOG = "COUNTED_SCORINGS"
"""Environment variable that names the file where scorings are counted."""
MEASURED_S = 0.1
"""No choice of the small search depends on a latency, so that each is measured shortly."""


def student_id(student: nn.Module) -> str:
    """The same for equal architectures, whatever their weights."""
    return hashlib.sha256(repr(student).encode()).hexdigest()[:16]


def counted_score(student: Probe, teacher: Probe | None) -> float:
    """NASWOT's score; that it was computed is appended to the file that `LOG` names."""
    score = naswot_score(student, teacher)
    with Path(os.environ[LOG]).open("a", encoding="utf-8") as file:
        file.write(student_id(student.model) + "\n")
    return score if math.isfinite(score) else -math.inf


PROXY = Proxy(
    name="counted-naswot",
    function=counted_score,
    needs=frozenset({"relu", "model"}),
    initialisation="default",
    source="as naswot",
    cost="forward",
)


def make_teacher() -> nn.Module:
    """An untrained network for the digits: what it teaches is of no use, and always the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(32, 10),
        )


def measure_shortly() -> None:
    """Makes every measurement of this process take `MEASURED_S` at most, whoever disturbs it."""
    protocol = latency.make_plan

    def short(profile: DeviceProfile, count: int, target_ci: float, max_seconds: float) -> Plan:
        return protocol(profile, count, target_ci, min(max_seconds, MEASURED_S))

    latency.make_plan = short
    latency.MAX_OTHERS = math.inf


if LOG in os.environ:  # a process of the small search's own
    measure_shortly()
