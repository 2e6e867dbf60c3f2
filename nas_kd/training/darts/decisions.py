"""What a selection has decided of the cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from search_spaces.supernets import CellKind, Mixture

_OPEN, _REMOVED = -1, -2


class Decisions(nn.Module):
    """For every edge the operation that was chosen, or that the edge was removed, or neither.

    Buffers, so that what copies a network, averages it or brings it back has its decisions, too.

    Args:
        kinds: What there is to choose.
    """

    def __init__(self, kinds: Mapping[str, CellKind]) -> None:
        super().__init__()
        for kind, choices in kinds.items():
            self.register_buffer(kind, torch.full((len(choices.edges),), _OPEN))  # (edge,)

    def choose(self, kind: str, edge: int, operation: int) -> None:
        """From now on nothing but one operation counts on an edge."""
        self.get_buffer(kind)[edge] = operation

    def remove(self, kind: str, edge: int) -> None:
        """From now on nothing counts on an edge."""
        self.get_buffer(kind)[edge] = _REMOVED

    def is_open(self, kind: str, edge: int) -> bool:
        """Whether nothing is decided of an edge."""
        return bool(self.get_buffer(kind)[edge] == _OPEN)

    def is_removed(self, kind: str, edge: int) -> bool:
        return bool(self.get_buffer(kind)[edge] == _REMOVED)

    def applied(self, mixture: Mixture) -> Mixture:
        """The mixture with what is decided; gradients go through the rest."""
        operations = {
            kind: self._applied(kind, weights) for kind, weights in mixture.operations.items()
        }
        return replace(mixture, operations=operations)

    def _applied(self, kind: str, weights: Tensor) -> Tensor:
        decided = self.get_buffer(kind)[:, None]  # (edge, 1)
        chosen = F.one_hot(decided[:, 0].clamp_min(0), weights.shape[1]).to(weights)
        return torch.where(decided == _OPEN, weights, chosen * (decided != _REMOVED))
