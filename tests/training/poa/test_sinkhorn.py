"""The teacher's targets use all prototypes alike."""

from __future__ import annotations

import torch
from torch import Tensor

from nas_kd.training.poa.sinkhorn import sinkhorn


def _scores(samples: int = 64, prototypes: int = 16, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(samples, prototypes, generator=generator) - 1  # cosines


def _direct(scores: Tensor, temperature: float, iterations: int) -> Tensor:
    """The published iteration on the matrix (prototype, sample), in float64."""
    q = (scores.double() / temperature).exp().T
    q /= q.sum()
    prototypes, samples = q.shape
    for _ in range(iterations):
        q = q / q.sum(1, keepdim=True) / prototypes
        q = q / q.sum(0, keepdim=True) / samples
    return (q * samples).T


def test_it_is_the_published_iteration() -> None:
    scores = _scores()

    torch.testing.assert_close(
        sinkhorn(scores, 0.06).double(), _direct(scores, 0.06, 3), rtol=1e-4, atol=1e-9
    )


def test_samples_sum_to_one_and_prototypes_share_them_equally() -> None:
    shares = sinkhorn(_scores(), 0.07, iterations=200)

    torch.testing.assert_close(shares.sum(1), torch.ones(64))
    torch.testing.assert_close(shares.sum(0), torch.full((16,), 64 / 16), rtol=1e-3, atol=0)


def test_three_iterations_spread_what_a_softmax_piles_up() -> None:
    scores = _scores()
    scores[:, 0] += 1  # one prototype that everyone likes
    piled = torch.softmax(scores / 0.07, dim=1).sum(0)
    balanced = sinkhorn(scores, 0.07).sum(0)

    assert piled.max() > 5 * 64 / 16
    assert balanced.max() < 1.3 * 64 / 16


def test_large_scores_and_no_samples_are_no_trouble() -> None:
    assert torch.isfinite(sinkhorn(20 * _scores(), 0.04)).all()
    torch.testing.assert_close(sinkhorn(_scores() + 7, 0.05), sinkhorn(_scores(), 0.05))
    assert sinkhorn(torch.empty(0, 16), 0.05).shape == (0, 16)
