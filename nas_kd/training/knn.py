"""Accuracy of an embedding without any training: a vote of the nearest neighbours."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from nas_kd.errors import UsageError

NEIGHBOURS = 20
TEMPERATURE = 0.07

_SIMILARITIES_AT_ONCE = 2**24


def knn_accuracy(
    bank: Tensor,
    bank_labels: Tensor,
    queries: Tensor,
    labels: Tensor,
    *,
    neighbours: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
) -> float:
    """Share of ``queries`` whose class the neighbours in ``bank`` vote for, in [0, 1].

    Args:
        bank: Embeddings of labelled images, ``(image, channel)``.
        bank_labels: Their classes, ``(image,)``.
        queries: Embeddings to be classified, ``(query, channel)``.
        labels: Their true classes, ``(query,)``.
        neighbours: How many vote; see `knn_votes`.
        temperature: See `knn_votes`.

    Raises:
        UsageError: See `knn_votes`.
    """
    votes = knn_votes(bank, bank_labels, queries, neighbours=neighbours, temperature=temperature)
    return float((votes.argmax(1) == labels.to(votes.device)).float().mean())


@torch.no_grad()
def knn_votes(
    bank: Tensor,
    bank_labels: Tensor,
    queries: Tensor,
    *,
    neighbours: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
) -> Tensor:
    """Votes ``(query, class)``: a neighbour of cosine s counts exp(s / temperature) for its class.

    Raises:
        UsageError: The bank is empty, or number or temperature are not positive.

    Source: Wu et al., CVPR 2018 (arXiv 1805.01978), section 3.4, with the 20 neighbours of DINO.
    """
    if len(bank) == 0 or neighbours < 1 or temperature <= 0:
        raise UsageError(
            f"k-NN: {len(bank)} labelled embeddings, {neighbours} neighbours, temperature "
            f"{temperature}; all three have to be positive."
        )
    bank, queries = F.normalize(bank, dim=1), F.normalize(queries, dim=1)
    bank_labels = bank_labels.to(bank.device)
    at_once = max(1, _SIMILARITIES_AT_ONCE // len(bank))
    votes = queries.new_zeros(len(queries), int(bank_labels.max()) + 1)
    for rows, part in zip(votes.split(at_once), queries.split(at_once), strict=True):
        cosines, nearest = (part @ bank.T).topk(min(neighbours, len(bank)), dim=1)
        # exp((s - 1) / temperature): the same votes but for a common factor, and never infinite
        rows.scatter_add_(1, bank_labels[nearest], ((cosines - 1) / temperature).exp())
    return votes
