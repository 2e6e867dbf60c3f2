"""Which part of the parent's weights each weight of a sub-network is.

Width: the leading channels. Where timm keeps several groups of channels side by side in one axis
(queries, keys and values; the four neighbours that Swin merges), the leading ones of each group.
Depth: the blocks that are left, counted anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

_GROUPS = {
    "attn.qkv.weight": (0, 3),
    "attn.qkv.bias": (0, 3),
    "downsample.norm.weight": (0, 4),
    "downsample.norm.bias": (0, 4),
    "downsample.reduction.weight": (1, 4),
}
"""End of a weight's name to its axis of several groups and their number."""


@dataclass(frozen=True)
class Cut:
    """One tensor of a sub-network as part of one of the parent's.

    Attributes:
        source: The parent's name of the tensor.
        shape: Its shape in the sub-network.
        axis: Where ``groups`` of channels lie side by side; all other axes are cut as they are.
        groups: How many.
        scaled: Whether it is the weight of a layer whose inputs are scaled by what is left of them.
    """

    source: str
    shape: torch.Size
    axis: int
    groups: int
    scaled: bool

    def of(self, tensor: Tensor) -> Tensor:
        """The part of the parent's ``tensor``: the tensor itself where all is left, else a view
        or a computed tensor, differentiable with respect to it."""
        if tensor.shape == self.shape:
            return tensor
        part = tensor
        for axis, size in enumerate(self.shape):
            groups = self.groups if axis == self.axis else 1
            grouped = part.unflatten(axis, (groups, -1))
            part = grouped.narrow(axis + 1, 0, size // groups).flatten(axis, axis + 1)
        if self.scaled and tensor.shape[1] != self.shape[1]:
            part = part * (tensor.shape[1] / self.shape[1])
        return part


def find_cuts(
    network: nn.Module, blocks: Mapping[str, Sequence[int]], *, scaled: bool
) -> dict[str, Cut]:
    """Name of each parameter and buffer of ``network`` to its cut.

    Args:
        network: The sub-network; only names, shapes and kinds of its layers are looked at.
        blocks: Name of each stage that lost blocks to the parent's indices of those left.
        scaled: Whether weights make up for inputs that are left out: those of linear layers and
            convolutions are multiplied by alpha = D / d, D inputs being there in the parent and d
            left.
    """
    layers = {
        f"{name}.weight"
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
    }
    tensors = [*network.named_parameters(), *network.named_buffers()]
    return {
        name: Cut(_source(name, blocks), tensor.shape, *_groups(name), scaled and name in layers)
        for name, tensor in tensors
    }


def _source(name: str, blocks: Mapping[str, Sequence[int]]) -> str:
    for stage, kept in blocks.items():
        if name.startswith(f"{stage}."):
            number, rest = name.removeprefix(f"{stage}.").split(".", 1)
            return f"{stage}.{kept[int(number)]}.{rest}"
    return name


def _groups(name: str) -> tuple[int, int]:
    return next((groups for end, groups in _GROUPS.items() if name.endswith(end)), (0, 1))
