"""Weighted nearest neighbours."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from nas_kd.errors import UsageError
from nas_kd.training import knn
from nas_kd.training.knn import knn_accuracy, knn_votes


def test_votes_by_hand() -> None:
    bank = torch.tensor([[2.0, 0.0], [0.0, 3.0], [1.0, 1.0], [-1.0, 0.0]])
    labels = torch.tensor([0, 1, 1, 0])
    votes = knn_votes(bank, labels, torch.tensor([[5.0, 0.0]]), neighbours=3, temperature=0.5)
    near, diagonal, far = (math.exp((s - 1) / 0.5) for s in (1, math.sqrt(0.5), 0))
    torch.testing.assert_close(votes, torch.tensor([[near, diagonal + far]]))


def test_one_by_one_in_parts_and_all_at_once_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    bank, labels, queries, _ = _clusters(0)
    whole = knn_votes(bank, labels, queries)
    monkeypatch.setattr(knn, "_SIMILARITIES_AT_ONCE", 3 * len(bank))
    torch.testing.assert_close(knn_votes(bank, labels, queries), whole)
    alone = torch.cat([knn_votes(bank, labels, query[None]) for query in queries])
    torch.testing.assert_close(alone, whole)


def test_the_formula_for_every_query() -> None:
    bank, labels, queries, _ = _clusters(1)
    votes = knn_votes(bank, labels, queries, neighbours=7, temperature=0.1)
    for query, vote in zip(queries, votes, strict=True):
        cosines = torch.cosine_similarity(query[None], bank)
        nearest = cosines.argsort(descending=True)[:7]
        expected = torch.zeros(3)
        for index in nearest.tolist():
            expected[labels[index]] += math.exp((float(cosines[index]) - 1) / 0.1)
        torch.testing.assert_close(vote, expected)


def test_clusters_are_told_apart_and_noise_is_not() -> None:
    bank, bank_labels, queries, labels = _clusters(2)
    assert knn_accuracy(bank, bank_labels, queries, labels) > 0.95
    noise = torch.randn(queries.shape, generator=torch.Generator().manual_seed(3))
    assert knn_accuracy(bank, bank_labels, noise, labels) < 0.6


def test_lengths_do_not_matter() -> None:
    bank, bank_labels, queries, labels = _clusters(4)
    lengths = torch.rand(len(bank), 1, generator=torch.Generator().manual_seed(0)) + 0.1
    longer = knn_votes(bank * lengths, bank_labels, 9 * queries)
    torch.testing.assert_close(longer, knn_votes(bank, bank_labels, queries))
    assert labels.shape == (len(queries),)


def test_more_neighbours_than_there_are() -> None:
    votes = knn_votes(torch.eye(2), torch.tensor([0, 1]), torch.eye(2), neighbours=20)
    assert votes.argmax(1).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("bank", "settings"),
    [(0, {}), (3, {"neighbours": 0}), (3, {"temperature": 0.0})],
)
def test_senseless_settings_are_refused(bank: int, settings: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="k-NN"):
        knn_votes(torch.ones(bank, 2), torch.zeros(bank).long(), torch.ones(1, 2), **settings)  # type: ignore[arg-type]


def _clusters(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A bank of 60 and 30 queries in three clusters, with their labels."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(3, 8, generator=generator)
    labels = torch.arange(90) % 3
    points = centres[labels] + 0.3 * torch.randn(90, 8, generator=generator)
    return points[:60], labels[:60], points[60:], labels[60:]
