"""Stems that shrink large images, in all spaces that have the option ``stem_stride``."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nas_kd.errors import UsageError
from nas_kd.training.inheritance import find_inheritance, inherit
from search_spaces import SPACES, Task, create_space, drawing_of, space_options
from tests.contracts.search_space import build, counted, draw
from tests.search_spaces.test_contract import SMALL

SPACES_WITH_STEM = [name for name in SPACES.names() if "stem_stride" in space_options(name)]
SIDES = {1: 27, 2: 14, 4: 7, 8: 4}
ODD = Task(3, 27, 5)

WEIGHTS = {
    "nasbench201": ["stem.0", "stem.1"],
    "cifar-resnet": ["stem.0", "stem.1"],
    "nasbench-macro": ["stem.convolution", "stem.norm"],
    "darts": ["stem.0", "stem.1"],
}
"""Layers with weights in a stem of stride 1, as directories of students have them."""


@pytest.fixture(params=SPACES_WITH_STEM)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def test_cells_and_blocks_of_cifar_have_stems_for_large_images() -> None:
    assert sorted(SPACES_WITH_STEM) == sorted(WEIGHTS)


@pytest.mark.parametrize(("stride", "side"), SIDES.items())
def test_the_closed_form_is_the_count_for_odd_sides(name: str, stride: int, side: int) -> None:
    space = create_space(name, **SMALL[name], stem_stride=stride)
    for arch in [*space.anchors()[:2], *draw(space, 1)]:
        network = space.build(arch, ODD).eval()
        assert space.sizes(arch, ODD) == counted(network, ODD)
    x = network.get_submodule("stem")(torch.zeros(1, *ODD.input_shape))
    if name == "darts":
        x = network.get_submodule("second_stem")(x)
    assert x.shape[2:] == (side, side)


def test_a_stem_of_stride_1_has_the_names_of_before(name: str) -> None:
    space = create_space(name, **SMALL[name])
    network = space.build(space.anchors()[0], ODD)
    weighted = [n for n, m in network.named_modules() if list(m.parameters(recurse=False))]
    assert [n for n in weighted if "stem" in n] == WEIGHTS[name]
    first = network.get_submodule(WEIGHTS[name][0])
    assert isinstance(first, nn.Conv2d)
    assert (first.stride, first.padding, first.bias) == ((1, 1), (1, 1), None)


def test_the_stride_of_a_stem_is_drawn(name: str) -> None:
    stems = []
    for stride in SIDES:
        space = create_space(name, stem_stride=stride)
        stems.append(drawing_of(space, space.anchors()[0]).blocks[0])
    assert all("smaller" not in detail for detail in stems[0].details)
    assert ["4 times smaller" in stem.details for stem in stems] == [False, False, True, False]
    assert all(stem.title == "stem" and stem.fixed for stem in stems)


@pytest.mark.parametrize("stride", [0, 3, 16, -2])
def test_another_stride_of_the_stem_is_refused(name: str, stride: int) -> None:
    with pytest.raises(UsageError, match=f"{name}: stem_stride is {stride}; give 1, 2, 4 or 8"):
        create_space(name, stem_stride=stride)


def test_maps_of_a_stem_with_relu_are_activated() -> None:
    for name in ("nasbench-macro", "cifar-resnet"):
        space = create_space(name, **SMALL[name], stem_stride=8)
        network = build(space, space.anchors()[1], ODD)
        assert network.get_submodule("stem")(torch.randn(2, *ODD.input_shape)).min() >= 0


def test_a_student_with_a_shrinking_stem_inherits_from_a_teacher_with_one() -> None:
    space = create_space("cifar-resnet", width=4, stem_stride=4)
    plain = create_space("cifar-resnet", width=4)
    largest, smallest, _ = space.anchors()
    teacher, student = (space.build(arch, ODD) for arch in (largest, smallest))
    assert inherit(student, teacher, "auto") == 1.0
    assert torch.equal(student.stem[3].convolution.weight, teacher.stem[3].convolution.weight)
    unlike = find_inheritance(student, plain.build(largest, ODD))
    assert not any(layer.endswith("convolution") for layer in unlike.layers)
    assert inherit(student, plain.build(largest, ODD), "auto") == 0.0
