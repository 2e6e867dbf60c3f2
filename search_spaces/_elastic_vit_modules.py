"""timm's vision transformer with its tokens shown as maps."""

from __future__ import annotations

from typing import Any

from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from search_spaces._token_maps import TokensToMap

_CLASS_TOKENS = 1


class MappedVit(VisionTransformer):
    """Patches, class token and positions, blocks, norm, classifier of the class token.

    Images ``(batch, in_channels, S, S)`` to logits ``(batch, num_classes)``. The class token alone
    is classified: it is the last feature map, of a single pixel. It computes what timm's model
    does, and its state dict is that model's.

    Args:
        **settings: Of timm's `VisionTransformer`.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        side = self.patch_embed.grid_size[0]
        self.block_maps = nn.ModuleList(TokensToMap(_CLASS_TOKENS, side) for _ in self.blocks)
        self.class_map = TokensToMap(prefix=0, side=1)  # (batch, channel, 1, 1)

    def forward_features(self, x: Tensor, **masks: Any) -> Tensor:
        """The normalised tokens, ``(batch, token, channel)``."""
        x = self.norm_pre(self.patch_drop(self._pos_embed(self.patch_embed(x))))
        for block, block_map in zip(self.blocks, self.block_maps, strict=True):
            x = block(x, **masks)
            block_map(x)
        normalised: Tensor = self.norm(x)
        return normalised

    def pool(self, x: Tensor, pool_type: str | None = None) -> Tensor:
        """The class token, ``(batch, channel)``."""
        class_token: Tensor = self.class_map(x[:, :_CLASS_TOKENS]).flatten(1)
        return class_token
