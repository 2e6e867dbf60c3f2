"""What can be told of a mixture without any data: how far alpha has decided."""

from __future__ import annotations

import math

import torch

from search_spaces.supernets import Mixture


def entropy(mixture: Mixture) -> float:
    """The mean entropy of the edges' weights, as a share of its largest value, in [0, 1]."""
    shares = []
    for weights in mixture.operations.values():
        terms = torch.special.entr(weights.detach()).sum(1) / math.log(weights.shape[1])
        shares.append(terms)
    return float(torch.cat(shares).mean())


def margin(mixture: Mixture) -> float:
    """How far the strongest operation is ahead of the second, the mean over the edges."""
    leads = []
    for weights in mixture.operations.values():
        first, second = weights.detach().topk(2, dim=1).values.unbind(1)
        leads.append(first - second)
    return float(torch.cat(leads).mean())
