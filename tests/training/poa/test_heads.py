"""Projection heads take embeddings of every width."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from nas_kd.training.poa.heads import PrototypeHead, PrototypeHeads


def test_scores_start_as_cosines() -> None:
    head = PrototypeHead(12, hidden=16, bottleneck=6, prototypes=40, scaled=True)
    embeddings = torch.randn(9, 8)
    unit = F.normalize(head.mlp(embeddings), dim=-1)
    directions = F.normalize(head.prototypes.parametrizations.weight.original1, dim=-1)

    torch.testing.assert_close(head(embeddings), unit @ directions.T)


def test_prototypes_double_from_head_to_head() -> None:
    heads = PrototypeHeads(12, heads=4, prototypes=8, hidden=16, bottleneck=6, scaled=True)
    embeddings = torch.randn(2, 3, 12)

    assert [head(embeddings).shape[-1] for head in heads] == [8, 16, 32, 64]
    assert sum(p.numel() for p in heads.prototype_parameters()) == (8 + 16 + 32 + 64) * (6 + 1)
