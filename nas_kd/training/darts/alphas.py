"""The architecture parameters of a differentiable search."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from search_spaces.supernets import CellKind

_SCALE = 1e-3


class Alphas(nn.Module):
    """One number for each operation on each edge, and one for each edge where edges compete.

    They are no parameters of the supernet: its optimiser must not decay them.

    Args:
        kinds: What there is to choose.
        edge_weights: Whether the edges into a node compete (PC-DARTS, equation 4).
        generator: Draws the first values, a thousandth of a standard normal.
    """

    def __init__(
        self, kinds: Mapping[str, CellKind], *, edge_weights: bool, generator: torch.Generator
    ) -> None:
        super().__init__()
        self._edges = {kind: choices.edges for kind, choices in kinds.items()}
        self.operations = nn.ParameterDict(
            {kind: _drawn(choices.shape, generator) for kind, choices in kinds.items()}
        )
        self.edges = nn.ParameterDict(
            {kind: _drawn(choices.shape[:1], generator) for kind, choices in kinds.items()}
            if edge_weights
            else {}
        )

    def edge_shares(self) -> Mapping[str, Tensor] | None:
        """Kind of cell to the shares ``(edge,)``, one in all for the edges into a node."""
        if not len(self.edges):
            return None
        return {kind: self._shares(kind, values) for kind, values in self.edges.items()}

    def _shares(self, kind: str, values: Tensor) -> Tensor:
        targets = torch.tensor([target for _, target in self._edges[kind]], device=values.device)
        rivals = targets[:, None] == targets[None]  # (edge, edge)
        return values.expand(len(values), -1).masked_fill(~rivals, -torch.inf).softmax(1).diagonal()


def _drawn(shape: tuple[int, ...], generator: torch.Generator) -> nn.Parameter:
    return nn.Parameter(_SCALE * torch.randn(shape, generator=generator))
