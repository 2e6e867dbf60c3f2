"""timm's Swin transformer with its maps shown channels first."""

from __future__ import annotations

from typing import Any

from timm.models.swin_transformer import SwinTransformer
from torch import Tensor, nn


class ChannelsFirst(nn.Module):
    """``(batch, height, width, channel)`` to ``(batch, channel, height, width)``: only a view."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 3, 1, 2)


class MappedSwin(SwinTransformer):
    """Patches, four stages of windowed attention, norm, mean over the last map, classifier.

    Images ``(batch, in_channels, S, S)`` to logits ``(batch, num_classes)``. It computes what
    timm's model does, and its state dict is that model's.

    Args:
        **settings: Of timm's `SwinTransformer`.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.stage_maps = nn.ModuleList(ChannelsFirst() for _ in self.layers)
        self.last_map = ChannelsFirst()

    def forward_features(self, x: Tensor) -> Tensor:
        """The normalised last map, ``(batch, height, width, channel)``."""
        x = self.patch_embed(x)
        for stage, stage_map in zip(self.layers, self.stage_maps, strict=True):
            x = stage(x)
            stage_map(x)
        normalised: Tensor = self.norm(x)
        self.last_map(normalised)
        return normalised
