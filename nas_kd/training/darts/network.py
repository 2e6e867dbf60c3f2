"""The student of a differentiable search: a supernet with its architecture parameters."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nas_kd.distill import Outputs
from nas_kd.training.darts.alphas import Alphas
from nas_kd.training.darts.decisions import Decisions
from nas_kd.training.darts.relaxation import Relaxation
from search_spaces.supernets import DartsSupernet, Mixture, NasBench201Supernet

CellSupernet = NasBench201Supernet | DartsSupernet
"""Supernets that run mixtures."""


class SearchNetwork(nn.Module):
    """All that is trained and decided in a search, so that a copy of it is a whole teacher.

    Called with images alone it runs the mixture that is expected; images ``(B, C, H, W)`` to logits
    ``(B, class)``. Where steps run what is drawn (one operation an edge with GDAS), that is a
    mixture which no step has run, and running batch-norm statistics are those of what was drawn.

    Args:
        supernet: Holds the operations.
        alphas: Say how much they count.
        relaxation: In which way.
        skip: Weight of the skip connection beside every edge until it is told to `fade`; 0 where
            the supernet has none.
        decisions: Where a selection writes what it decides; None where nothing is decided.
    """

    skip: Tensor | None

    def __init__(
        self,
        supernet: CellSupernet,
        alphas: Alphas,
        relaxation: Relaxation,
        skip: float = 0.0,
        decisions: Decisions | None = None,
    ) -> None:
        super().__init__()
        self.supernet = supernet
        self.alphas = alphas
        self.decisions = decisions
        self._relaxation = relaxation
        self.register_buffer("skip", torch.tensor(float(skip)) if skip else None)

    def forward(self, images: Tensor, mixture: Mixture | None = None) -> Tensor:
        return self.outputs(images, mixture).logits

    def outputs(self, images: Tensor, mixture: Mixture | None = None) -> Outputs:
        """The logits, and the last map as the only feature."""
        return run(self.supernet, images, mixture or self.expected())

    def expected(self) -> Mixture:
        """The mixture when nothing is drawn."""
        return self._mixture(
            {
                kind: self._relaxation.expected(values)
                for kind, values in self.alphas.operations.items()
            }
        )

    def sampled(self, share: float, generator: torch.Generator) -> Mixture:
        """The mixture of one step.

        Args:
            share: Of the search that is over.
            generator: For relaxations that draw.
        """
        return self._mixture(
            {
                kind: self._relaxation.sample(values, share, generator)
                for kind, values in self.alphas.operations.items()
            }
        )

    def decided(self, mixture: Mixture) -> Mixture:
        """A mixture that was changed, with what is decided in it again."""
        return mixture if self.decisions is None else self.decisions.applied(mixture)

    def fade(self, skip: float) -> None:
        """Gives the skip connection beside every edge, if there is one, another weight."""
        if self.skip is not None:
            self.skip.fill_(skip)

    def _mixture(self, operations: Mapping[str, Tensor]) -> Mixture:
        skip = 0.0 if self.skip is None else float(self.skip)
        return self.decided(Mixture(operations, self.alphas.edge_shares(), skip))


def run(supernet: CellSupernet, images: Tensor, mixture: Mixture) -> Outputs:
    """What a mixture says of images: logits, and the last map as the only feature."""
    last_map = supernet.last_map(images, mixture)
    return Outputs(supernet.classify(last_map), (last_map,))


def outputs_of(network: nn.Module, images: Tensor) -> Outputs:
    """What a copy of a `SearchNetwork` says of images: how it teaches."""
    assert isinstance(network, SearchNetwork)
    return network.outputs(images)
