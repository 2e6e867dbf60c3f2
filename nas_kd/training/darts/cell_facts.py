"""What can be told of the cells that a search leans to, without any data."""

from __future__ import annotations

import math

import torch

from search_spaces import Arch
from search_spaces.supernets import Mixture

SKIP = "skip_connect"


def skip_count(arch: Arch) -> int:
    """How many skip connections the cells have: the sign of a collapse."""
    return sum(value == SKIP for value in arch.values())


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
