"""Losses between wide maps or large batches: the values of the plain formulas, in less memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from proxies import ickd_loss, nst_loss, rkd_loss
from proxies._similarity import unit_rows
from tests.proxies.test_distillation_losses import Given

IMAGES = 3
SHAPES = [(4, 3), (7, 4), (9, 2), (40, 3)]  # channels, side


class _Largest(TorchDispatchMode):
    """Elements of the largest tensor that is made."""

    elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if isinstance(made, Tensor):
            self.elements = max(self.elements, made.numel())
        return made


def _map(channels: int, side: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    feature = torch.randn(IMAGES, channels, side, side, generator=generator, dtype=torch.float64)
    feature = feature.relu()
    feature[:, 0] = 0.0  # a dead channel
    feature[:, 1] *= 1e3
    return feature


def _pair(channels: int, side: int, other: int) -> tuple[Given, Given]:
    return Given(maps=[_map(channels, side, 0)]), Given(maps=[_map(other, side, 1)])


def _grams(feature: Tensor) -> Tensor:
    flat = feature.flatten(2)
    gram = flat @ flat.mT
    return unit_rows(gram.flatten(0, 1)).view_as(gram)


@pytest.mark.parametrize(("channels", "side"), SHAPES)
def test_ickd_is_the_difference_of_the_correlations(channels: int, side: int) -> None:
    student, teacher = _pair(channels, side, channels)
    grams = (_grams(next(iter(probe.features.values()))) for probe in (student, teacher))
    one, other = grams
    expected = -float((one - other).square().sum()) / (IMAGES * channels)
    assert ickd_loss.PROXY(student, teacher) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(("channels", "side"), SHAPES)
def test_nst_is_the_discrepancy_of_the_channels(channels: int, side: int) -> None:
    student, teacher = _pair(channels, side, channels + 5)
    s, t = (
        unit_rows(feature.flatten(2).flatten(0, 1)).view_as(feature.flatten(2))
        for probe in (student, teacher)
        for feature in probe.features.values()
    )
    terms = [(one @ other.mT).square().mean() for one, other in ((s, s), (t, t), (s, t))]
    expected = -float(terms[0] + terms[1] - 2 * terms[2])
    assert nst_loss.PROXY(student, teacher) == pytest.approx(expected, abs=1e-10)


def test_rkd_is_the_mean_over_all_triples() -> None:
    points = [_map(5, 2, seed).flatten(1) for seed in (0, 1)]
    points = [torch.cat([each, each[:1], each.flip(1)]) for each in points]  # two coincide
    angles = []
    for each in points:
        directions = [unit_rows(each - vertex) for vertex in each]
        angles.append(torch.stack([direction @ direction.T for direction in directions]))
    distances = []
    for each in points:
        apart = torch.cdist(each, each, compute_mode="donot_use_mm_for_euclid_dist")
        distances.append(apart / apart[apart > 0].mean())
    expected = -float(25 * F.smooth_l1_loss(*distances) + 50 * F.smooth_l1_loss(*angles))
    student, teacher = (Given(pooled=each) for each in points)
    assert rkd_loss.PROXY(student, teacher) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("proxy", [ickd_loss.PROXY, nst_loss.PROXY], ids=lambda p: p.name)
def test_no_tensor_is_larger_than_the_maps(proxy: Any) -> None:
    student, teacher = _pair(200, 3, 200)
    with _Largest() as largest:
        proxy(student, teacher)
    assert largest.elements <= IMAGES * 200 * 9


def test_no_tensor_holds_all_triples() -> None:
    points = [torch.randn(40, 6, dtype=torch.float64) for _ in range(2)]
    with _Largest() as largest:
        rkd_loss.PROXY(*(Given(pooled=each) for each in points))
    assert largest.elements <= 40**2
