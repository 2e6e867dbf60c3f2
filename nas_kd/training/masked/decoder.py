"""From the visible patches of any student to all patches."""

from __future__ import annotations

from functools import partial

import torch
from timm.layers import build_sincos2d_pos_embed
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from nas_kd.training.elastic.linear import ElasticLinear
from nas_kd.training.masked.hiding import Hiding

_INIT_STD = 0.02
_MLP_RATIO = 4.0
_NORM = partial(nn.LayerNorm, eps=1e-6)


class Decoder(nn.Module):
    """A small transformer over visible tokens and mask tokens with fixed positions.

    Args:
        width: Largest width of a student.
        grid: Patches along the side of the image.
        dim: Its own width, a multiple of four.
        depth: Blocks.
        heads: Of each block.
        scaled: Whether narrower students are scaled, see `ElasticLinear`.

    Source: He et al., MAE, CVPR 2022 (arXiv 2111.06377), section 3.
    """

    positions: Tensor

    def __init__(
        self, width: int, *, grid: int, dim: int, depth: int, heads: int, scaled: bool
    ) -> None:
        super().__init__()
        self.embed = ElasticLinear(width, dim, scaled=scaled)
        self.mask_token = nn.Parameter(torch.empty(1, 1, dim).normal_(std=_INIT_STD))
        self.register_buffer("positions", build_sincos2d_pos_embed([grid, grid], dim))
        self.blocks = nn.Sequential(
            *(
                Block(dim, heads, mlp_ratio=_MLP_RATIO, qkv_bias=True, norm_layer=_NORM)
                for _ in range(depth)
            )
        )
        self.norm = _NORM(dim)

    def forward(self, tokens: Tensor, hiding: Hiding) -> Tensor:
        """Tokens ``(image, 1 + visible, d)``, class token first, to ``(image, patch, dim)``."""
        prefix, seen = self.embed(tokens).tensor_split([1], dim=1)
        images, patches = hiding.mask.shape
        places = hiding.visible[..., None].expand_as(seen)
        filled = self.mask_token.to(seen.dtype).expand(images, patches, -1)
        everywhere = filled.scatter(1, places, seen) + self.positions
        decoded: Tensor = self.norm(self.blocks(torch.cat([prefix, everywhere], dim=1)))
        return decoded[:, 1:]
