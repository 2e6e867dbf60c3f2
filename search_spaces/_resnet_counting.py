"""Closed-form sizes of timm's ResNets of bottlenecks; see `search_spaces._counting`.

Batch and group normalisation have the same parameters: a scale and a shift for each channel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from search_spaces import _counting as count
from search_spaces._space import Sizes, Task

STEM_WIDTH = 64
EXPANSION = 4
_STEM_STRIDE = 4


def resnet_parts(
    depths: Sequence[int], planes: int, middle: int, output_stride: int, task: Task
) -> Iterator[Sizes]:
    """Stem, four stages of bottlenecks, classifier.

    Args:
        depths: Bottlenecks of each stage.
        planes: A quarter of the channels that leave the first stage.
        middle: Channels inside the bottlenecks of the first stage.
        output_stride: Pixels of the image to one of the last map; stages beyond it do not stride.
        task: The images and classes.
    """
    side = count.halved(task.image_size)
    yield count.convolution(task.in_channels, STEM_WIDTH, 7, side)
    yield count.batch_norm(STEM_WIDTH)
    side = count.halved(side)
    width, stride_so_far = STEM_WIDTH, _STEM_STRIDE
    for stage, depth in enumerate(depths):
        strides = stage > 0 and stride_so_far < output_stride
        out_side = count.halved(side) if strides else side
        out_width, inside = EXPANSION * planes << stage, middle << stage
        yield _bottleneck(width, inside, out_width, side, out_side)
        if strides or width != out_width:
            yield count.convolution(width, out_width, 1, out_side)
            yield count.batch_norm(out_width)
        following = _bottleneck(out_width, inside, out_width, out_side, out_side)
        yield count.repeated(following, depth - 1)
        side, width = out_side, out_width
        stride_so_far *= 2 if strides else 1
    yield count.linear(width, task.num_classes)


def _bottleneck(in_width: int, middle: int, out_width: int, side: int, out_side: int) -> Sizes:
    """1x1, 3x3 with the stride, 1x1; the shortcut is not counted."""
    return count.total(
        [
            count.convolution(in_width, middle, 1, side),
            count.batch_norm(middle),
            count.convolution(middle, middle, 3, out_side),
            count.batch_norm(middle),
            count.convolution(middle, out_width, 1, out_side),
            count.batch_norm(out_width),
        ]
    )
