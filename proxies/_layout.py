"""Outputs of any layer as channels over positions, image by image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from proxies._weights import CONVOLUTIONS

_CHANNELS_SECOND = (
    *CONVOLUTIONS,
    nn.modules.batchnorm._BatchNorm,
    nn.modules.instancenorm._InstanceNorm,
    nn.GroupNorm,
)
_CHANNELS_LAST = (nn.Linear, nn.LayerNorm, nn.RMSNorm)


def channels_first(
    output: Tensor, module: nn.Module | None = None, *, last: bool | None = None
) -> Tensor:
    """``output`` of ``module`` as ``(image, channel, position)``.

    Args:
        output: Vectors ``(image, channel)``, tokens or maps.
        module: What returned it. Convolutions and most norms have their channels second, linear
            layers and layer norms last. Where the kind of the module does not tell, maps are
            ``(image, channel, height, width)`` and tokens ``(image, token, channel)``.
        last: Whether the channels are last, where that is known otherwise (`ChannelAxes`).
    """
    if output.ndim == 2:
        return output[:, :, None]
    if last is None:
        told = _channels_last(output, module)
        last = output.ndim == 3 if told is None else told
    return (output.movedim(-1, 1) if last else output).flatten(2)


def by_image(channels: Tensor, images: int) -> Tensor:
    """``(image * part, channel, position)`` as ``(image, channel, part * position)``.

    Attention within windows, for one, sees each image in parts, one after the other. Rows that do
    not come to as many for each of the ``images`` are left as they are.
    """
    if len(channels) == images or len(channels) % images:
        return channels
    parts: Tensor = channels.unflatten(0, (images, -1))  # (image, part, channel, position)
    return parts.transpose(1, 2).flatten(2)


def first_tensor(output: Any) -> Tensor | None:
    """What a layer returned, or the first of several; None where that has no channels."""
    if isinstance(output, tuple | list) and output:
        output = output[0]
    return output if isinstance(output, Tensor) and output.ndim >= 2 else None


class ChannelAxes:
    """Knows where blocks, activations and containers have the channels of what they return.

    Their kind does not tell whether a map is ``(image, channel, height, width)`` or, as in timm's
    Swin transformers, ``(image, height, width, channel)``. The last layer before it that does tell
    decides: after one with its channels last, a map whose last axis is as long as that layer is
    wide has its channels last. Of a map whose height is that long, too, they are on the axis that
    is contiguous in memory.

    Args:
        wanted: Whether to watch at all.
    """

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted
        self._width: int | None = None  # of the layer called last, if its channels are last

    def attach(self, model: nn.Module) -> Iterator[RemovableHandle]:
        if self._wanted:
            for module in model.modules():
                if isinstance(module, (*_CHANNELS_SECOND, *_CHANNELS_LAST)):
                    yield module.register_forward_hook(self._hear)

    def last(self, output: Tensor, module: nn.Module) -> bool:
        """Whether what ``module`` just returned has its channels on the last axis."""
        told = _channels_last(output, module)
        if told is not None:
            return told
        if output.ndim <= 3:
            return output.ndim == 3
        if output.shape[-1] != self._width:
            return False
        return output.shape[1] != self._width or output.stride(-1) == 1

    def _hear(self, module: nn.Module, inputs: Any, output: Tensor) -> None:
        if output.ndim >= 3:  # vectors, as of squeeze-and-excitation, say nothing about maps
            self._width = output.shape[-1] if _channels_last(output, module) else None


def _channels_last(output: Tensor, module: nn.Module | None) -> bool | None:
    """Whether the channels are last, by the kind of the module; None where it does not tell."""
    if isinstance(module, _CHANNELS_SECOND):
        return False
    if isinstance(module, nn.LayerNorm) and output.ndim > 3:
        width = module.normalized_shape[-1]
        last, second = (output.shape[axis] == width for axis in (-1, 1))
        return last if last != second else not type(module).__name__.endswith("2d")
    return True if isinstance(module, _CHANNELS_LAST) else None
