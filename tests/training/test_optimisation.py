"""Optimiser and schedule."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.optim import SGD, AdamW

from nas_kd.errors import UsageError
from nas_kd.training.optimisation import Schedule, make_optimizer
from nas_kd.training.settings import TrainingSettings
from search_spaces import Task, create_space
from tests.training.conftest import TinyNet
from tests.training.elastic.jobs import SPACES


def test_norms_and_biases_do_not_decay(student: TinyNet) -> None:
    optimizer = make_optimizer(student, TrainingSettings(weight_decay=0.01))
    decays = {
        id(parameter): group["weight_decay"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    for parameter in student.parameters():
        assert decays[id(parameter)] == (0.01 if parameter.ndim > 1 else 0.0)


@pytest.mark.parametrize(
    ("make", "resting"),
    [
        ("elastic-vit", {"parent.pos_embed", "parent.cls_token"}),
        ("elastic-swin", {"relative_position_bias_table"}),
    ],
)
def test_positions_do_not_decay(make: str, resting: set[str]) -> None:
    """Those of the network within a supernet, too."""
    space = create_space(make, **SPACES[make])
    supernet = space.supernet(Task(1, 8, 10))  # type: ignore[attr-defined]
    optimizer = make_optimizer(supernet, TrainingSettings(weight_decay=0.01))
    names = {id(parameter): name for name, parameter in supernet.named_parameters()}
    (still,) = (g["params"] for g in optimizer.param_groups if g["weight_decay"] == 0)
    found = {names[id(p)] for p in still if p.ndim > 1}
    assert found
    assert {next(end for end in resting if name.endswith(end)) for name in found} == resting


def test_both_optimisers(student: TinyNet) -> None:
    sgd = make_optimizer(student, TrainingSettings())
    assert isinstance(sgd, SGD)
    assert all(group["nesterov"] and group["momentum"] == 0.9 for group in sgd.param_groups)
    assert isinstance(make_optimizer(student, TrainingSettings(optimizer="adamw")), AdamW)


def test_frozen_parameters_stay_out(student: TinyNet) -> None:
    student.body.requires_grad_(False)
    optimizer = make_optimizer(student, TrainingSettings())
    trained = [p for group in optimizer.param_groups for p in group["params"]]
    assert {id(p) for p in trained} == {id(p) for p in student.classifier.parameters()}
    with pytest.raises(UsageError, match="no parameter to train"):
        make_optimizer(student.requires_grad_(False), TrainingSettings())


@pytest.mark.parametrize("warmup", [0.0, 0.2])
def test_linear_warm_up_then_cosine(warmup: float) -> None:
    optimizer = SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    schedule = Schedule(optimizer, TrainingSettings(learning_rate=0.5, warmup=warmup))
    for share in (0.0, 0.1, 0.2, 0.6, 0.9, 1.0):
        if share < warmup:
            expected = 0.5 * (0.1 + 0.9 * share / warmup)
        else:
            expected = 0.25 * (1 + math.cos(math.pi * (share - warmup) / (1 - warmup)))
        assert schedule.set(share) == pytest.approx(expected, abs=1e-6)
        assert optimizer.param_groups[0]["lr"] == schedule.set(share)
