"""What an evaluator tells the proxies of the search: sizes that are wanted, widths to compare."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from nas_kd.costs import Limits
from search_spaces import Task, create_space
from studies.evaluator import Evaluator
from studies.proxy_needs import compared_widths
from tests.proxies.networks import digits
from tests.search_spaces.test_contract import OF_IMAGES, small

SPACE = create_space("cifar-resnet", width=4)
TASK = Task(1, 8, 10)


def _scores(limits: dict[str, float]) -> tuple[float, float, int]:
    """``swap_regularised`` and ``swap`` of the smallest network, and its parameters."""
    images, labels = digits(8)
    evaluator = Evaluator(
        SPACE,
        TASK,
        limits=Limits(limits),
        proxies=["swap_regularised", "swap"],
        images=images,
        labels=labels,
        teacher=None,
        seed=0,
    )
    candidate = evaluator.evaluate(SPACE.anchors()[1])
    return candidate.scores["swap_regularised"], candidate.scores["swap"], candidate.params


def test_the_wanted_size_is_the_limit_or_the_middle_of_the_space() -> None:
    regularised, swap, params = _scores({"params": 20_000.0})
    wanted = 0.02
    bell = math.exp(-((params / 1e6 - wanted) ** 2) / wanted)
    assert regularised == pytest.approx(swap * bell)
    regularised, swap, params = _scores({})
    sizes = [SPACE.sizes(arch, TASK) for arch in SPACE.anchors()[:2]]
    wanted = sum(size.params for size in sizes if size is not None) / 2e6
    assert regularised == pytest.approx(swap * math.exp(-((params / 1e6 - wanted) ** 2) / wanted))


MIXED = ("autoformer-tiny", "pit", "elastic-vit", "elastic-swin")


@pytest.mark.parametrize("name", OF_IMAGES)
def test_widths_are_those_of_the_anchors_classifiers(name: str) -> None:
    space = small(name)
    before = torch.get_rng_state()
    assert compared_widths(["naswot", "diswot_mr"], space, TASK) == frozenset()
    found = compared_widths(["naswot", "diswot"], space, TASK)
    assert torch.equal(before, torch.get_rng_state())
    smallest = space.build(space.anchors()[1], TASK)
    head = smallest.get_submodule(space.head(smallest))
    assert isinstance(head, nn.Linear)
    assert head.in_features in found
    assert (len(found) > 1) == (name in MIXED)
