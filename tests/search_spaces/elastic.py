"""Small elastic spaces for tests, and parents whose every weight matters."""

from __future__ import annotations

import copy
from functools import lru_cache

import torch
from torch import nn

from search_spaces import Task, create_space
from search_spaces._elastic_space import ElasticSpace
from search_spaces.supernets.elastic import ElasticSupernet

TASK = Task(3, 32, 5)

SMALL = {
    "elastic-vit": {
        "width": 32, "least_width": 16, "width_step": 8, "head_dim": 8,
        "depth": 5, "least_depth": 2, "patch_size": 4,
    },
    "elastic-swin": {
        "width": 32, "least_width": 16, "width_step": 8, "head_dim": 8,
        "depth": 6, "least_depth": 2,
    },
    "elastic-resnet": {
        "width": 64, "least_width": 32, "planes": 16,
        "depth_2": 3, "least_depth_2": 2, "depth_3": 4, "least_depth_3": 2,
    },
}  # fmt: skip


def small(name: str, **options: int) -> ElasticSpace:
    """The small space called ``name``, with some options set otherwise."""
    space = create_space(name, **SMALL[name] | options)
    assert isinstance(space, ElasticSpace)
    return space


def supernet(
    name: str, task: Task = TASK, *, scaled: bool = False, drop_path: float = 0.0, **options: int
) -> ElasticSupernet:
    """A supernet in eval mode with random weights, biases, norms and statistics."""
    settings = tuple(sorted(options.items()))
    return copy.deepcopy(_made(name, task, scaled, drop_path, settings))


@lru_cache
def _made(
    name: str, task: Task, scaled: bool, drop_path: float, options: tuple[tuple[str, int], ...]
) -> ElasticSupernet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        space = small(name, **dict(options))
        made = space.supernet(task, scaled=scaled, drop_path=drop_path).eval()
        randomise(made)
        return made


@torch.no_grad()
def randomise(module: nn.Module) -> None:
    """Moves every parameter and statistic off its initial value, within reason."""
    for parameter in module.parameters():
        parameter.add_(0.2 * torch.randn_like(parameter))
    for name, buffer in module.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
        elif name.endswith("running_mean"):
            buffer.normal_()
