"""Closed-form sizes of the layers that students are made of.

MACs are the multiply-accumulates of convolutions and linear layers for one input, without biases;
normalisation, activation, pooling and addition count as zero. Params are all parameters.
"""

from __future__ import annotations

from collections.abc import Iterable

from search_spaces._space import Sizes


def convolution(in_channels: int, out_channels: int, kernel: int, out_side: int) -> Sizes:
    """A convolution without bias whose output is ``out_side x out_side``."""
    weights = in_channels * out_channels * kernel**2
    return Sizes(macs=weights * out_side**2, params=weights)


def batch_norm(channels: int) -> Sizes:
    """A batch normalisation with scale and shift."""
    return Sizes(macs=0, params=2 * channels)


def conv_norm(in_channels: int, out_channels: int, kernel: int, out_side: int) -> Sizes:
    """A convolution without bias and the batch normalisation of its output."""
    return total(
        [convolution(in_channels, out_channels, kernel, out_side), batch_norm(out_channels)]
    )


def linear(in_features: int, out_features: int) -> Sizes:
    """A linear layer with bias."""
    weights = in_features * out_features
    return Sizes(macs=weights, params=weights + out_features)


def total(parts: Iterable[Sizes]) -> Sizes:
    """The sum of several parts."""
    parts = list(parts)
    return Sizes(macs=sum(part.macs for part in parts), params=sum(part.params for part in parts))


def repeated(part: Sizes, times: int) -> Sizes:
    """``times`` copies of a part."""
    return Sizes(macs=part.macs * times, params=part.params * times)


def halved(side: int) -> int:
    """The side of a map after a stride of 2: odd sides round up."""
    return -(-side // 2)
