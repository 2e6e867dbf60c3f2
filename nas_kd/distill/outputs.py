"""`Outputs`: what one network gave for one batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nas_kd.errors import UsageError


@dataclass(frozen=True)
class Outputs:
    """What one network gave for a batch. Only what the distillers in use need is filled in.

    Attributes:
        logits: ``(batch, class)``.
        features: Feature maps, shallow to deep, each ``(batch, channel, height, width)`` or, of
            token models, ``(batch, token, channel)``; the last one is the map before pooling.
        pooled: Input of the classifier, ``(batch, channel)``.
    """

    logits: Tensor
    features: tuple[Tensor, ...] = ()
    pooled: Tensor | None = None

    def detached(self) -> Outputs:
        """The same values, cut off from the graph that made them."""
        return Outputs(
            self.logits.detach(),
            tuple(feature.detach() for feature in self.features),
            None if self.pooled is None else self.pooled.detach(),
        )

    def in_float32(self) -> Outputs:
        """The same values in float32; float64 stays as it is."""
        return Outputs(
            _in_float32(self.logits),
            tuple(_in_float32(feature) for feature in self.features),
            None if self.pooled is None else _in_float32(self.pooled),
        )

    def classifier_input(self) -> Tensor:
        """`pooled`; an error where it was not captured."""
        if self.pooled is None:
            raise UsageError("distillers: the classifier's input was not captured; capture it.")
        return self.pooled

    def lacks(self, needs: frozenset[str]) -> list[str]:
        """Those of ``needs`` that are not filled in."""
        there = {
            "logits": True,
            "features": bool(self.features),
            "pooled": self.pooled is not None,
        }
        return sorted(need for need in needs if not there.get(need, False))


def _in_float32(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.float()
