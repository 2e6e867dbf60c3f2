from __future__ import annotations

import csv
import itertools
from pathlib import Path

import pytest

from search_spaces import Arch, CifarResNet, IllegalArchError, Sizes, Task
from tests.contracts.search_space import counted

CIFAR100 = Task(in_channels=3, image_size=32, num_classes=100)
SPACE = CifarResNet()


def _sizes(text: str) -> Sizes:
    return SPACE.sizes(SPACE.parse(text), CIFAR100)


def test_64_nets_in_order_of_their_depths() -> None:
    depths = [tuple(arch.values()) for arch in SPACE.enumerate()]
    assert depths == list(itertools.product((1, 3, 5, 7), repeat=3))
    assert SPACE.size == len(depths) == len({SPACE.canonical(a) for a in SPACE.enumerate()}) == 64


def test_published_parameter_counts() -> None:
    params = [SPACE.sizes(arch, CIFAR100).params for arch in SPACE.enumerate()]
    assert (min(params), max(params)) == (83_892, 667_188)
    assert _sizes("[3 3 3]").params == 278_324
    assert _sizes("[7 1 3]").params == 259_892


def test_published_range_of_macs() -> None:
    macs = [SPACE.sizes(arch, CIFAR100).macs for arch in SPACE.enumerate()]
    assert round(min(macs) / 1e6, 1) == 12.5
    assert round(max(macs) / 1e6, 1) == 97.4


def test_closed_form_equals_the_count_on_other_widths() -> None:
    space, task = CifarResNet(width=5), Task(2, 11, 7)
    for arch in itertools.islice(space.enumerate(), 0, None, 9):
        assert space.sizes(arch, task) == counted(space.build(arch, task), task)


@pytest.mark.parametrize("text", ["ResNet[5 5 7]", "resnet[5,5,7]", "[5, 5, 7]", " [5 5 7] "])
def test_notations(text: str) -> None:
    arch = SPACE.parse(text)
    assert arch == Arch({"depth_1": 5, "depth_2": 5, "depth_3": 7})
    assert SPACE.describe(arch) == "ResNet[5 5 7]"


@pytest.mark.parametrize("text", ["[5 5]", "[5 5 7 7]", "[2 5 7]", "[9 5 7]", "557", "[5 -5 7]"])
def test_other_depths_and_notations_are_refused(text: str) -> None:
    with pytest.raises(IllegalArchError, match="cifar-resnet"):
        SPACE.parse(text)


def test_the_distillation_table_lists_exactly_this_space(data_folder: Path) -> None:
    with (data_folder / "s0_kd.csv").open() as file:
        rows = [(int(row["d1"]), int(row["d2"]), int(row["d3"])) for row in csv.DictReader(file)]
    assert sorted(rows) == [tuple(arch.values()) for arch in SPACE.enumerate()]
