"""The student of a differentiable search: a supernet with its architecture parameters."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nas_kd.distill import Outputs
from nas_kd.training.darts.alphas import Alphas
from nas_kd.training.darts.relaxation import Relaxation
from search_spaces.supernets import DartsSupernet, Mixture, NasBench201Supernet

CellSupernet = NasBench201Supernet | DartsSupernet
"""Supernets that run mixtures."""


class SearchNetwork(nn.Module):
    """Both kinds of parameters together, so that a copy of it is a whole teacher.

    Called with images alone it runs the mixture that is expected; images ``(B, C, H, W)`` to logits
    ``(B, class)``.

    Args:
        supernet: Holds the operations.
        alphas: Say how much they count.
        relaxation: In which way.
        skip: Weight of the skip connection beside every edge until it is told to `fade`; 0 where
            the supernet has none.
    """

    skip: Tensor | None

    def __init__(
        self, supernet: CellSupernet, alphas: Alphas, relaxation: Relaxation, skip: float = 0.0
    ) -> None:
        super().__init__()
        self.supernet = supernet
        self.alphas = alphas
        self._relaxation = relaxation
        self.register_buffer("skip", torch.tensor(float(skip)) if skip else None)

    def forward(self, images: Tensor, mixture: Mixture | None = None) -> Tensor:
        return self.outputs(images, mixture).logits

    def outputs(self, images: Tensor, mixture: Mixture | None = None) -> Outputs:
        """The logits, and the last map as the only feature."""
        last_map = self.supernet.last_map(images, mixture or self.expected())
        return Outputs(self.supernet.classify(last_map), (last_map,))

    def expected(self) -> Mixture:
        """The mixture when nothing is drawn."""
        operations = {
            kind: self._relaxation.expected(values)
            for kind, values in self.alphas.operations.items()
        }
        return Mixture(operations, self.alphas.edge_shares(), self._skip())

    def sampled(self, share: float, generator: torch.Generator) -> Mixture:
        """The mixture of one step.

        Args:
            share: Of the search that is over.
            generator: For relaxations that draw.
        """
        operations = {
            kind: self._relaxation.sample(values, share, generator)
            for kind, values in self.alphas.operations.items()
        }
        return Mixture(operations, self.alphas.edge_shares(), self._skip())

    def fade(self, skip: float) -> None:
        """Gives the skip connection beside every edge, if there is one, another weight."""
        if self.skip is not None:
            self.skip.fill_(skip)

    def _skip(self) -> float:
        return 0.0 if self.skip is None else float(self.skip)


def outputs_of(network: nn.Module, images: Tensor) -> Outputs:
    """What a copy of a `SearchNetwork` says of images: how it teaches."""
    assert isinstance(network, SearchNetwork)
    return network.outputs(images)
