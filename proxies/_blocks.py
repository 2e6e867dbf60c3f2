"""The blocks of a network, what they put out, and how they pass gradients back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.hooks import RemovableHandle

from proxies._channel_moments import ChannelMoments, channel_moments
from proxies._gradients import gradients
from proxies._layout import ChannelAxes, channels_first, first_tensor
from proxies._randomness import apart
from proxies._recording import find_module
from proxies._spectra import largest_singular_value
from proxies._weights import WEIGHTED

_CHAINS = (nn.Sequential, nn.ModuleList)
SIGNS = 2
"""The use of `apart`: weights and noise are drawn with the same seed."""


def block_names(model: nn.Module, head: str) -> list[str]:
    """Names of the blocks of ``model`` in the order in which they were registered.

    A sequence or list of composed modules (not only of plain layers) is a stage, and its members
    are blocks, with weights or without, unless they are stages themselves. A module that holds a
    sequence or list of modules which have composed parts of their own, as the stages of vision
    transformers do, is a stage with others around it; the edges of a cell or the convolutions of a
    bottleneck have no such parts. Beside stages, the children of the network or of such a module
    that hold weights are blocks: stem, reductions, patch embedding. The classifier ``head`` is
    none, nor is what holds it. A backbone that is the only child with weights is entered, and so is
    a wrapped network.
    """
    return list(_blocks_below(model, "", head))


def _blocks_below(module: nn.Module, prefix: str, head: str) -> Iterator[str]:
    inside_stage = bool(prefix) and _is_stage(module)
    children = {f"{prefix}{name}": child for name, child in module.named_children()}
    holders = [name for name in children if f"{head}.".startswith(f"{name}.")]
    blocks = {
        name: child
        for name, child in children.items()
        if name not in holders and (inside_stage or _is_stage(child) or _has_weights(child))
    }
    if not blocks:
        blocks = {name: children[name] for name in holders if name != head}
    alone = len(blocks) == 1 and not inside_stage
    for name, child in blocks.items():
        if _is_stage(child) or _holds_stage(child) or (alone and not _is_plain(child)):
            yield from _blocks_below(child, f"{name}.", head)
        else:
            yield name


def _is_stage(module: nn.Module) -> bool:
    return isinstance(module, _CHAINS) and not _is_plain(module)


def _holds_stage(module: nn.Module) -> bool:
    """Whether it has a sequence or list of modules that are composed of composed ones."""
    return any(
        isinstance(chain, _CHAINS) and any(not _is_plain(member) for member in chain.children())
        for chain in module.children()
    )


def _is_plain(module: nn.Module) -> bool:
    """Whether it is a single layer, or a sequence of such."""
    return not any(True for child in module.children() for _ in child.children())


def _has_weights(module: nn.Module) -> bool:
    return any(isinstance(part, WEIGHTED) for part in module.modules())


class BlockRecorder:
    """Watches the outputs of the blocks, in the order of the calls.

    A block that returns several tensors shows the first one.

    Args:
        head: Name of the classifier.
        axes: Tells where the outputs have their channels.
        moments: Whether to keep the moments of the outputs.
        maps: Whether to keep the outputs themselves, as parts of the graph.

    Attributes:
        moments: One entry for each call.
        maps: Tokens ``(image, token, channel)``, or maps ``(image, channel, height, width)``.
    """

    def __init__(self, head: str, axes: ChannelAxes, *, moments: bool, maps: bool) -> None:
        self._head = head
        self._axes = axes
        self._wanted = moments, maps
        self.moments: list[ChannelMoments] = []
        self.maps: list[Tensor] = []

    def attach(self, model: nn.Module) -> Iterator[RemovableHandle]:
        if any(self._wanted):
            for name in block_names(model, self._head):
                yield find_module(model, name).register_forward_hook(self._keep)

    def _keep(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        tensor = first_tensor(output)
        if tensor is None:
            return None
        moments, maps = self._wanted
        last = self._axes.last(tensor, module)
        if moments:
            self.moments.append(channel_moments(channels_first(tensor, last=last)))
        if not maps:
            return None
        moved = last and tensor.ndim > 3
        shown = tensor.movedim(-1, 1) if moved else tensor
        self.maps.append(shown)
        passed_on = shown.movedim(1, -1) if moved else shown
        passed_on = passed_on.clone()  # a later layer may work in place, and on the copy
        return passed_on if isinstance(output, Tensor) else type(output)([passed_on, *output[1:]])


@dataclass(frozen=True)
class BlockResponse:
    """How one block passes gradients from its output back to its input.

    Attributes:
        gain: Largest singular value of the correlation ``(channel in, channel out)`` between the
            gradients at both ends, averaged over images and positions.
        identity: Whether the block hands every gradient through as it is.
    """

    gain: float
    identity: bool


def block_responses(maps: list[Tensor], seed: int) -> list[BlockResponse]:
    """The response of every block but the first, from the outputs in the graph.

    The gradient at a block's output is drawn from {-1, 1}, and taken back to the output of the
    block before. Where the block is strided, the pixels of its input that belong to one pixel of
    the output become channels. Blocks after which positions do not correspond are left out.
    """
    generator = apart(seed, SIGNS)
    responses = []
    for before, after in pairwise(maps):
        signs = torch.randint(0, 2, after.shape, generator=generator) * 2 - 1
        outward = signs.to(after)
        (inward,) = gradients(after, [before], outward=outward, keep_graph=True)
        identity = inward.shape == outward.shape and torch.equal(inward, outward)
        sides = _same_positions(inward, outward)
        if sides is not None:
            source, target = (side.transpose(0, 1).flatten(1) for side in sides)
            correlation = source @ target.T / target.shape[1]  # (channel in, channel out)
            responses.append(BlockResponse(largest_singular_value(correlation), identity))
    return responses


def _same_positions(inward: Tensor, outward: Tensor) -> tuple[Tensor, Tensor] | None:
    """Both as ``(image, channel, position)`` over the same positions; None where there are none."""
    if inward.ndim == outward.ndim == 4:
        (height, width), (rows, columns) = inward.shape[2:], outward.shape[2:]
        stride = max(math.ceil(height / rows), math.ceil(width / columns))
        padding = (0, stride * columns - width, 0, stride * rows - height)
        inward = F.pixel_unshuffle(F.pad(inward, padding), stride)
    source, target = channels_first(inward), channels_first(outward)
    same = source.shape[0] == target.shape[0] and source.shape[2] == target.shape[2]
    return (source, target) if same else None
