"""The registered proxies on students of the registered spaces of images."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from proxies import PROXIES, Probe, TeacherProbes, score_student
from proxies._blocks import block_names
from proxies._independence import RIDGE
from search_spaces import Arch, Task
from tests.proxies.networks import TinyResNet, digits, seeded
from tests.search_spaces.test_contract import OF_IMAGES, small

TASK = Task(in_channels=1, image_size=8, num_classes=10)
IMAGES = 6
OF_TRANSFORMERS = ("autoformer-tiny", "pit", "elastic-vit", "elastic-swin")
WITHOUT_VALUE = {
    ("nasbench201", "az_trainability"),  # the smallest cell is an identity
    ("nasbench-macro", "az_trainability"),  # and so are most layers of the smallest network
    ("pit", "synflow"),  # without norms the attention of a deeper one overflows
}
ALIKE = {
    "te_nas_regions",  # as many as images: at this size, too, each has a region of its own
    "swap",  # six images make 64 words at most
    "at_loss", "nst_loss",  # where all maps that are compared have one pixel
    "meco",  # zero where no map has more pixels than channels
}  # fmt: skip

each_space = pytest.mark.parametrize("name", OF_IMAGES)


def _build(name: str, arch: Arch) -> nn.Module:
    return seeded(lambda: small(name).build(arch, TASK))


def _depth(arch: Arch) -> int:
    return sum(int(value) for gene, value in arch.items() if gene.startswith("depth"))


def _called(model: nn.Module, names: list[str]) -> list[str]:
    """Those of the named modules that a forward pass calls, in the order of the calls."""
    called: list[str] = []

    def note(name: str) -> Callable[..., None]:
        return lambda module, inputs, output: called.append(name)

    for name in names:
        model.get_submodule(name).register_forward_hook(note(name))
    with torch.no_grad():
        model(digits(2)[0])
    return called


@each_space
def test_blocks_are_called_and_follow_the_depth(name: str) -> None:
    space = small(name)
    found = []
    for arch in space.anchors()[:2]:
        model = _build(name, arch)
        names = block_names(model, space.head(model))
        assert _called(model, names) == names
        found.append(len(names))
    deep, shallow = (_depth(space.canonical(arch)) for arch in space.anchors()[:2])
    assert found[0] - found[1] == deep - shallow
    assert min(found) > 2


@each_space
def test_proxies_have_values_that_differ_between_students(name: str) -> None:
    space = small(name)
    images, labels = digits(IMAGES)[0], torch.arange(IMAGES) % 3
    teacher = TeacherProbes(
        seeded(lambda: TinyResNet(depth=3)),
        images,
        labels,
        features=["stem", "blocks"],
        head="classifier",
        seed=0,
    )
    chosen = [
        proxy.name
        for proxy in map(PROXIES.get, PROXIES.names())
        if proxy.cost not in ("free", "per-sample")
        and ("attention" not in proxy.needs or name in OF_TRANSFORMERS)
    ]
    archs = [space.anchors()[1], [*space.anchors()[:1], *space.anchors()[2:]][-1]]
    first, second = (
        score_student(
            lambda arch=arch: space.build(arch, TASK),  # type: ignore[misc]
            images,
            labels,
            proxies=chosen,
            features=space.features,
            head=space.head,
            seed=0,
            teacher=teacher,
            costs={key: float(value) for key, value in vars(space.sizes(arch, TASK)).items()},
        )
        for arch in archs
    )
    without = {proxy for proxy in chosen if not math.isfinite(first[proxy] + second[proxy])}
    assert without == {proxy for space_name, proxy in WITHOUT_VALUE if space_name == name}
    assert {proxy for proxy in chosen if first[proxy] == second[proxy]} <= ALIKE


@each_space
def test_independence_is_that_of_correlations(name: str) -> None:
    """Their eigenvalues are one on average, and none is below zero."""
    space = small(name)
    for arch in space.anchors():
        probe = _slopes_probe(name, space.canonical(arch), torch.float32)
        for slope in probe.layer_slopes:
            assert math.log(RIDGE) <= slope.input_independence <= math.log1p(RIDGE) + 1e-6
            assert 1 - 1e-4 <= slope.images <= IMAGES * (1 + 1e-4)


@each_space
def test_rounding_is_no_slope(name: str) -> None:
    """What is none in float64 is none in float32, and the scores agree."""
    space = small(name)
    proxies = [PROXIES.get(proxy) for proxy in ("trainable_width", "jacov", "epe_nas")]
    for arch in map(space.canonical, space.anchors()):
        single, double = (_slopes_probe(name, arch, t) for t in (torch.float32, torch.float64))
        assert len(single.layer_slopes) == len(double.layer_slopes)
        for proxy in proxies:
            assert proxy(single) == pytest.approx(proxy(double), rel=1e-2, nan_ok=True), arch


def test_a_darts_network_whose_outputs_are_all_normalised_has_no_slope() -> None:
    space = small("darts")
    probe = _slopes_probe("darts", space.canonical(space.anchors()[0]), torch.float32)
    assert not probe.layer_slopes
    assert not probe.input_jacobian.any()
    assert PROXIES.get("trainable_width")(probe) == -math.inf
    assert math.isnan(PROXIES.get("jacov")(probe))


def _slopes_probe(name: str, arch: Arch, precision: torch.dtype) -> Probe:
    space = small(name)
    model = _build(name, arch).to(precision)
    images = digits(IMAGES)[0].to(precision)
    return Probe(
        model,
        images,
        torch.arange(IMAGES) % 3,
        features=space.features(model),
        head=space.head(model),
        needs=["layer_slopes", "input_jacobian"],
    )
