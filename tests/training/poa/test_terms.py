"""Each term of the loss against its formula, written out."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from nas_kd.training.poa import terms
from nas_kd.training.poa.sinkhorn import sinkhorn
from nas_kd.training.poa.views import OfViews

SAMPLES, PROTOTYPES = 5, 7


def _views(seed: int, count: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, SAMPLES, PROTOTYPES, generator=generator)


def _student(seed: int, local: int = 8) -> OfViews:
    return OfViews(_views(seed, 2), _views(seed + 1, local))


def _entropy(target: Tensor, scores: Tensor) -> float:
    """-sum p log q of one sample, in plain numbers."""
    exponentials = [math.exp(score / 0.1) for score in scores.double().tolist()]
    total = sum(exponentials)
    return -sum(p * math.log(e / total) for p, e in zip(target.tolist(), exponentials, strict=True))


def _mean_entropy(targets: Tensor, scores: Tensor) -> float:
    pairs = zip(targets.double(), scores, strict=True)
    return sum(_entropy(target, score) for target, score in pairs) / len(scores)


def test_cross_view_swaps_global_views_and_divides_by_eighteen() -> None:
    targets, student = torch.softmax(_views(9, 2), -1), _student(0)
    swapped = [
        _mean_entropy(targets[0], student.whole[1]),
        _mean_entropy(targets[1], student.whole[0]),
    ]
    local = [_mean_entropy(target, view) for target in targets for view in student.local]

    expected = (sum(swapped) + sum(local)) / (2 + 16)

    assert float(terms.cross_view(targets, student)) == pytest.approx(expected, rel=1e-5)


def test_cross_view_without_local_views_is_the_swapped_pair() -> None:
    targets, student = torch.softmax(_views(9, 2), -1), _student(0, local=0)
    expected = _mean_entropy(targets[0], student.whole[1]) / 2
    expected += _mean_entropy(targets[1], student.whole[0]) / 2

    assert float(terms.cross_view(targets, student)) == pytest.approx(expected, rel=1e-5)


def test_same_view_adds_the_means_of_global_and_local_views() -> None:
    intact, elastic = _student(0), _student(4)
    expected = 0.0
    for mine, theirs in ((intact.whole, elastic.whole), (intact.local, elastic.local)):
        targets = torch.softmax(mine.double() / 0.1, -1)
        expected += sum(map(_mean_entropy, targets, theirs)) / len(theirs)

    assert float(terms.same_view(intact, elastic)) == pytest.approx(expected, rel=1e-5)


def test_same_view_teaches_the_elastic_student_alone() -> None:
    intact, elastic = _student(0), _student(4)
    for views in (intact, elastic):
        views.whole.requires_grad_()
        views.local.requires_grad_()

    terms.same_view(intact, elastic).backward()

    assert intact.whole.grad is None
    assert intact.local.grad is None
    assert elastic.whole.grad is not None
    assert elastic.local.grad is not None


def test_masked_patches_are_averaged_in_their_image_then_over_all_images() -> None:
    hidden = [2, 0, 3]  # patches of three images
    targets, scores = torch.softmax(_views(1, 1)[0], -1), _views(2, 1)[0]
    weights = torch.tensor([1 / 2] * 2 + [1 / 3] * 3)
    entropies = [_entropy(t, s) for t, s in zip(targets.double(), scores, strict=True)]
    expected = (sum(entropies[:2]) / 2 + sum(entropies[2:]) / 3) / len(hidden)

    loss = terms.masked_patches(targets, scores, weights, len(hidden))

    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_spread_is_minus_the_mean_log_distance_to_the_nearest() -> None:
    pooled = _views(3, 1)[0]
    unit = pooled / pooled.norm(dim=1, keepdim=True)
    distances = torch.cdist(unit.double(), unit.double())
    distances.fill_diagonal_(math.inf)
    expected = -distances.min(1).values.log().mean()

    assert float(terms.spread(pooled)) == pytest.approx(float(expected), rel=1e-4)
    assert float(terms.spread(pooled[:1])) == 0


@pytest.mark.parametrize(("agreement", "grows"), [(0.3, False), (0.5, True)])
def test_what_views_have_in_common_grows_above_the_ratio_of_the_temperatures(
    agreement: float, *, grows: bool
) -> None:
    """Near the point where all prototypes are equally likely; 0.04 over 0.1 is the ratio."""
    views = _views(4, 2).double() * 1e-4
    views = views - views.mean(1, keepdim=True)
    first, other = views - views.mean(2, keepdim=True)
    other -= first * (first * other).sum() / first.square().sum()
    other *= first.norm() / other.norm()
    scores = torch.stack([first, agreement * first + (1 - agreement**2) ** 0.5 * other])
    assert float(terms.agreement(scores)) == pytest.approx(agreement, abs=1e-6)
    targets = sinkhorn(scores.flatten(0, 1), temperature=0.04).unflatten(0, scores.shape[:2])
    amplitude = torch.ones((), requires_grad=True)
    students = OfViews(amplitude * scores, scores[:0])
    terms.cross_view(targets, students).backward()
    assert (float(amplitude.grad) < 0) == grows


def test_agreement_of_equal_scores_is_none() -> None:
    assert float(terms.agreement(torch.ones(2, 3, 4))) == 0


def test_the_spread_is_that_of_the_nearest_also_in_half_precision() -> None:
    """All neighbours lie within what bfloat16 rounds away."""
    noise = torch.randn(32, 16, generator=torch.Generator().manual_seed(0))
    pooled = torch.ones(16) + 0.01 * noise
    with torch.autocast("cpu", dtype=torch.bfloat16):
        spread = terms.spread(pooled)

    assert float(spread) == float(terms.spread(pooled))
