"""Tokens of a transformer as a map of the image."""

from __future__ import annotations

from torch import Tensor, nn


class TokensToMap(nn.Module):
    """``(batch, prefix + side * side, channel)`` to ``(batch, channel, side, side)``.

    Only a view: nothing is computed and nothing is learned. A transformer calls it where it wants
    its tokens to be seen as a feature map, as hooks on convolutional networks see theirs.

    Args:
        prefix: Tokens before those of the patches, such as a class token; left out of the map.
        side: Patches along each side, row by row.
    """

    def __init__(self, prefix: int, side: int) -> None:
        super().__init__()
        self.prefix = prefix
        self.side = side

    def forward(self, tokens: Tensor) -> Tensor:
        patches = tokens[:, self.prefix :]  # (batch, side * side, channel)
        token_map: Tensor = patches.transpose(1, 2).unflatten(2, (self.side, self.side))
        return token_map

    def extra_repr(self) -> str:
        return f"prefix={self.prefix}, side={self.side}"
