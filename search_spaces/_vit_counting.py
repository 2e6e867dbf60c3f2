"""Closed-form sizes of the parts of vision transformers.

MACs are those of linear layers, convolutions and the two products of attention, for one input;
see `search_spaces._counting` for the rest.
"""

from __future__ import annotations

from search_spaces import _counting as count
from search_spaces._space import Sizes


def layer_norm(width: int) -> Sizes:
    """A layer normalisation with scale and shift."""
    return Sizes(macs=0, params=2 * width)


def embedding(numbers: int) -> Sizes:
    """Learned numbers that are added, such as positions and class tokens."""
    return Sizes(macs=0, params=numbers)


def convolution(
    in_channels: int, out_channels: int, kernel: int, out_side: int, *, groups: int = 1
) -> Sizes:
    """A convolution with bias whose output is ``out_side x out_side``."""
    weights = in_channels // groups * out_channels * kernel**2
    return Sizes(macs=weights * out_side**2, params=weights + out_channels)


def linear_of_tokens(in_features: int, out_features: int, tokens: int) -> Sizes:
    """A linear layer with bias, applied to each token."""
    layer = count.linear(in_features, out_features)
    return Sizes(macs=layer.macs * tokens, params=layer.params)


def block(width: int, *, attention: int, hidden: int, tokens: int) -> Sizes:
    """One block with attention and MLP, each after a layer normalisation.

    Args:
        width: Channels of a token.
        attention: Channels of queries, keys and values: heads times the width of a head.
        hidden: Channels inside the MLP.
        tokens: Number of tokens, with the class token.
    """
    return count.total(
        [
            count.repeated(layer_norm(width), 2),
            linear_of_tokens(width, 3 * attention, tokens),
            Sizes(macs=2 * tokens**2 * attention, params=0),  # Q K^T, and its softmax times V
            linear_of_tokens(attention, width, tokens),
            linear_of_tokens(width, hidden, tokens),
            linear_of_tokens(hidden, width, tokens),
        ]
    )
