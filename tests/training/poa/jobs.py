"""Small trainings by POA."""

from __future__ import annotations

from typing import Any

from nas_kd.training.poa.session import PoaSession
from nas_kd.training.poa.settings import PoaSettings
from tests.training.elastic.jobs import make_job

TINY: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 32,
    "epoch_images": 64,
    "local_views": 2,
    "heads": 2,
    "prototypes": 16,
    "head_hidden": 32,
    "head_bottleneck": 16,
}
MASKED: dict[str, Any] = {"patch_start": 0.3}
"""For vision transformers, whose patches are masked."""


def session(space: str = "elastic-vit", *, seed: int = 0, **changes: Any) -> PoaSession:
    of_space = MASKED if space == "elastic-vit" else {}
    return PoaSession(make_job(PoaSettings(**{**TINY, **of_space, **changes}), space, seed=seed))
