"""The stem of networks of images: one 3x3 convolution, or one of stride 2 for every halving.

Shapes are ``(B, C, H, W)``: batch, channels, height, width. The stride of a stem is by how much it
shrinks the images; sides of maps that do not divide are rounded up at every halving.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from nas_kd.errors import UsageError
from search_spaces import _counting as count
from search_spaces._drawing import Block
from search_spaces._space import Sizes, Task

STEM_STRIDES = (1, 2, 4, 8)

_UNNAMED = ("0", "1", "2")


def require_stem_stride(space: str, stride: int) -> None:
    """Raises `UsageError` where ``stride`` is none of `STEM_STRIDES`."""
    if stride not in STEM_STRIDES:
        raise UsageError(f"{space}: stem_stride is {stride!r}; give 1, 2, 4 or 8.")


def stem_widths(width: int, stride: int) -> list[int]:
    """Channels behind each convolution of a stem where all give equally many."""
    return [width] * len(_sides(1, stride))


def stem_side(image_size: int, stride: int) -> int:
    """Side of the map that a stem gives, in pixels."""
    return _sides(image_size, stride)[-1]


def stem_sizes(task: Task, channels: Sequence[int], stride: int) -> Sizes:
    """Closed form of a stem.

    Args:
        task: The images.
        channels: Behind each convolution.
        stride: By how much it shrinks the images.
    """
    widths = itertools.pairwise([task.in_channels, *channels])
    sides = _sides(task.image_size, stride)
    return count.total(
        count.conv_norm(read, made, 3, side)
        for (read, made), side in zip(widths, sides, strict=True)
    )


def stem_block(channels: int, stride: int) -> Block:
    """A stem as it is drawn.

    Args:
        channels: That it gives.
        stride: By how much it shrinks the images.
    """
    shrinks = () if stride == 1 else (f"{stride} times smaller",)
    return Block("stem", ("3x3 conv", *shrinks, f"{channels} channels"), fixed=True)


class Stem(nn.Sequential):
    """Images ``(B, in_channels, S, S)`` to maps ``(B, K, S/stride, S/stride)``.

    Every convolution is without bias and has a batch norm behind it, and there is a ReLU between
    two of them.

    Args:
        in_channels: Channels of the images.
        channels: Behind each convolution, of which there is one for every halving and at least one;
            the last are K.
        stride: By how much it shrinks the images, a power of two.
        activated: Whether a ReLU is the end.
        names: Of the first convolution, its batch norm and its ReLU, as parts of this module.
    """

    def __init__(
        self,
        in_channels: int,
        channels: Sequence[int],
        stride: int,
        *,
        activated: bool = False,
        names: tuple[str, str, str] = _UNNAMED,
    ) -> None:
        first = [
            nn.Conv2d(in_channels, channels[0], 3, min(stride, 2), padding=1, bias=False),
            nn.BatchNorm2d(channels[0]),
            *([nn.ReLU()] if activated else []),
        ]
        super().__init__(OrderedDict(zip(names, first, strict=False)))
        for read, made in itertools.pairwise(channels):
            self.append(halving(read, made, activated=activated))


def halving(in_channels: int, out_channels: int, *, activated: bool = False) -> nn.Sequential:
    """A later convolution of a stem: ``(B, C, H, W)`` to ``(B, K, H/2, W/2)``.

    The ReLU stands behind its batch norm where ``activated``, and else before the convolution.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        relu=nn.ReLU(),
        convolution=nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1, bias=False),
        norm=nn.BatchNorm2d(out_channels),
    )
    if activated:
        layers.move_to_end("relu")
    return nn.Sequential(layers)


def _sides(image_size: int, stride: int) -> list[int]:
    """Side of the map behind each convolution of a stem."""
    shrunk = [divisor for divisor in STEM_STRIDES if 1 < divisor <= stride] or [1]
    return [-(-image_size // divisor) for divisor in shrunk]
