"""Closed-form sizes of Swin's blocks; see `search_spaces._counting`."""

from __future__ import annotations

from search_spaces import _counting as count
from search_spaces import _vit_counting as vit
from search_spaces._space import Sizes


def swin_block(width: int, *, heads: int, side: int, window: int) -> Sizes:
    """One block with attention inside windows and an MLP four times as wide.

    Args:
        width: Channels of a token.
        heads: Each has a learned bias for every offset inside a window.
        side: Tokens along the side of the map.
        window: Tokens along the side of a window, clipped to the map; the map is padded to whole
            windows for attention.
    """
    window = min(window, side)
    padded = (-(-side // window) * window) ** 2
    return count.total(
        [
            count.repeated(vit.layer_norm(width), 2),
            vit.embedding((2 * window - 1) ** 2 * heads),
            vit.linear_of_tokens(width, 3 * width, padded),
            Sizes(macs=2 * padded * window**2 * width, params=0),  # Q K^T, and its softmax times V
            vit.linear_of_tokens(width, width, padded),
            vit.linear_of_tokens(width, 4 * width, side**2),
            vit.linear_of_tokens(4 * width, width, side**2),
        ]
    )
