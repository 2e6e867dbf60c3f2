"""AutoFormer's subnets as timm's `VisionTransformer` with layers of different sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from timm.layers import Attention
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor

from search_spaces._token_maps import TokensToMap

_CLASS_TOKENS = 1


@dataclass(frozen=True)
class Layer:
    """Sizes of one block: its heads, their width, and the channels inside its MLP."""

    heads: int
    head_width: int
    hidden: int


class AutoFormerBlock(Block):
    """timm's block whose attention may be wider or narrower than its tokens.

    ``(batch, token, channel)`` to the same shape. ``token_map`` is shown the output's patches as
    ``(batch, channel, side, side)``; the block's own output does not depend on it.
    """

    def __init__(self, *, dim: int, layer: Layer, side: int, **settings: Any) -> None:
        super().__init__(dim=dim, **settings)
        self.attn = Attention(dim, layer.heads, attn_head_dim=layer.head_width, qkv_bias=True)
        self.token_map = TokensToMap(_CLASS_TOKENS, side)

    def forward(self, x: Tensor, **masks: Any) -> Tensor:
        tokens: Tensor = super().forward(x, **masks)
        self.token_map(tokens)
        return tokens


class _BlockFactory:
    """Makes the block of each depth, called by timm with the settings that all blocks share."""

    def __init__(self, layers: Sequence[Layer], side: int) -> None:
        self._layers = layers
        self._side = side

    def __call__(self, *, dim: int, depth: int, **shared: Any) -> AutoFormerBlock:
        layer = self._layers[depth]
        own = {"num_heads": layer.heads, "mlp_ratio": layer.hidden / dim}
        return AutoFormerBlock(dim=dim, layer=layer, side=self._side, **{**shared, **own})


class AutoFormerNetwork(VisionTransformer):
    """Patches, class token and positions, blocks, norm, mean over the patches, classifier.

    Images ``(batch, in_channels, S, S)`` to logits ``(batch, num_classes)``. The state dict has
    timm's names; where all layers are alike it loads into timm's own model. Rows and columns of
    pixels beyond the last whole patch are not seen.

    Args:
        dim: Channels of a token.
        layers: Sizes of the blocks, in order.
        patch: Pixels along the side of a patch.
    """

    def __init__(
        self,
        *,
        dim: int,
        layers: Sequence[Layer],
        patch: int,
        image_size: int,
        in_channels: int,
        num_classes: int,
    ) -> None:
        side = image_size // patch
        super().__init__(
            img_size=image_size,
            patch_size=patch,
            in_chans=in_channels,
            num_classes=num_classes,
            embed_dim=dim,
            depth=len(layers),
            global_pool="avg",
            fc_norm=False,
            block_fn=_BlockFactory(layers, side),
        )
        self.last_map = TokensToMap(_CLASS_TOKENS, side)

    def pool(self, x: Tensor, pool_type: str | None = None) -> Tensor:
        """The mean over the patches of the normalised tokens: ``(batch, channel)``."""
        last_map: Tensor = self.last_map(x)  # (batch, channel, side, side)
        return last_map.mean((2, 3))
