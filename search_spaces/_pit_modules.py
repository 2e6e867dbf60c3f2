"""timm's pooling-based vision transformer with its tokens shown as maps."""

from __future__ import annotations

from typing import Any

from timm.models.pit import PoolingVisionTransformer
from torch import Tensor, nn

from search_spaces._token_maps import TokensToMap


class PitNetwork(PoolingVisionTransformer):
    """Patches and positions, three stages with pooling between, norm, classifier.

    Images ``(batch, in_channels, S, S)`` to logits ``(batch, num_classes)``. The class token alone
    is classified: it is the last feature map, of a single pixel. It computes what timm's model
    does, and its state dict is that model's.

    Args:
        **settings: Of timm's `PoolingVisionTransformer`.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.stem_map = nn.Identity()  # (batch, channel, side, side)
        self.stage_maps = nn.ModuleList(nn.Identity() for _ in self.transformers)
        self.class_map = TokensToMap(prefix=0, side=1)  # (batch, channel, 1, 1)

    def forward_features(self, x: Tensor) -> Tensor:
        """The normalised class token, ``(batch, 1, channel)``."""
        x = self.stem_map(self.pos_drop(self.patch_embed(x) + self.pos_embed))
        class_token = self.cls_token.expand(x.shape[0], -1, -1)
        for transformer, stage_map in zip(self.transformers, self.stage_maps, strict=True):
            x, class_token = transformer((x, class_token))
            x = stage_map(x)
        normalised: Tensor = self.norm(class_token)
        return normalised

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Class token ``(batch, 1, channel)`` to logits, or to what the classifier reads."""
        pooled: Tensor = self.head_drop(self.class_map(x).flatten(1))  # (batch, channel)
        return pooled if pre_logits else self.head(pooled)
