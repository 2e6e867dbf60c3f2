"""Small pre-trainings on the digits: seconds each."""

from __future__ import annotations

import io
from typing import Any

import torch

from nas_kd.training.pretraining import Job
from nas_kd.training.processes import make_accelerator
from search_spaces import create_space

SPACES: dict[str, dict[str, int]] = {
    "elastic-vit": {
        "width": 32,
        "least_width": 16,
        "width_step": 16,
        "depth": 3,
        "least_depth": 2,
        "head_dim": 16,
        "patch_size": 2,
    },
    "elastic-swin": {
        "width": 32,
        "least_width": 16,
        "width_step": 16,
        "depth": 2,
        "least_depth": 2,
    },
    "elastic-resnet": {
        "width": 32,
        "least_width": 32,
        "depth_2": 2,
        "least_depth_2": 1,
        "depth_3": 2,
        "least_depth_3": 1,
        "planes": 32,
    },
}
"""Name of a space to options that make it small."""


def make_job(settings: Any, space: str = "elastic-vit", *, seed: int = 0, **job: Any) -> Job:
    """The digits, without a teacher but as ``job`` says."""
    return Job(
        space=create_space(space, **{**SPACES[space], **job.pop("options", {})}),
        settings=settings,
        data=job.get("data", "digits"),
        teacher=job.get("teacher"),
        checkpoint=None,
        image_size=None,
        seed=seed,
        accelerator=make_accelerator(settings.precision),
    )


def stored(state: dict[str, Any]) -> Any:
    """A state as a checkpoint gives it back."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def tensors(state: Any) -> list[torch.Tensor]:
    """All tensors in a state, in order."""
    if isinstance(state, torch.Tensor):
        return [state]
    values = state.values() if isinstance(state, dict) else state if isinstance(state, list) else []
    return [tensor for value in values for tensor in tensors(value)]


def same_bits(one: Any, other: Any) -> bool:
    """Whether two states hold the same tensors."""
    mine, theirs = tensors(one), tensors(other)
    return len(mine) == len(theirs) > 0 and all(map(torch.equal, mine, theirs))
