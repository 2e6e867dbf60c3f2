"""Closed-form sizes of the networks of the DARTS space."""

from __future__ import annotations

from collections.abc import Iterator

from search_spaces import _counting as count
from search_spaces._darts_cells import Cell, Genotype, Place, cells_of, places, stem_channels
from search_spaces._space import Sizes, Task
from search_spaces._stem import stem_side, stem_sizes

_NOTHING = Sizes(macs=0, params=0)


def network_sizes(
    genotype: Genotype,
    task: Task,
    *,
    channels: int,
    cells: int,
    stem_stride: int = 1,
    pool_norm: bool = False,
) -> Sizes:
    """The network without an auxiliary head."""
    side = stem_side(task.image_size, stem_stride)
    parts = [stem_sizes(task, stem_channels(channels, stem_stride), stem_stride)]
    plan = places(channels, cells, stem_stride)
    for cell, place in zip(cells_of(genotype, plan), plan, strict=True):
        parts += _cell_parts(cell, place, side, pool_norm)
        side = count.halved(side) if place.reduces else side
    parts.append(count.linear(plan[-1].out_channels, task.num_classes))
    return count.total(parts)


def auxiliary_params(in_channels: int, num_classes: int) -> int:
    """Parameters of the auxiliary head; a deployed network does not run it."""
    hidden = [count.conv_norm(in_channels, 128, 1, 1), count.conv_norm(128, 768, 2, 1)]
    return count.total([*hidden, count.linear(768, num_classes)]).params


def _cell_parts(cell: Cell, place: Place, side: int, pool_norm: bool) -> Iterator[Sizes]:
    out_side = count.halved(side) if place.reduces else side
    yield count.conv_norm(place.older, place.channels, 1, side)
    yield count.conv_norm(place.newer, place.channels, 1, side)
    for node in cell:
        for operation, source in node:
            yield operation_sizes(operation, place, source, out_side)
            if pool_norm and operation.endswith("pool_3x3"):
                yield count.batch_norm(place.channels)


def operation_sizes(name: str, place: Place, source: int, out_side: int) -> Sizes:
    """One operation on the node ``source``, on maps that are ``out_side`` wide behind it."""
    channels = place.channels
    if name == "skip_connect" and place.stride(source) == 2:
        return count.conv_norm(channels, channels, 1, out_side)
    if not name.endswith(("conv_3x3", "conv_5x5")):
        return _NOTHING
    kernel = int(name[-1])
    depthwise = count.repeated(count.convolution(1, 1, kernel, out_side), channels)
    once = count.total([depthwise, count.conv_norm(channels, channels, 1, out_side)])
    return count.repeated(once, 2 if name.startswith("sep") else 1)
