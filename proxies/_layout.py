"""Outputs of any layer as channels over positions."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from proxies._weights import CONVOLUTIONS

_CHANNELS_SECOND = (
    *CONVOLUTIONS,
    nn.modules.batchnorm._BatchNorm,
    nn.modules.instancenorm._InstanceNorm,
    nn.GroupNorm,
)


def channels_first(output: Tensor, module: nn.Module | None = None) -> Tensor:
    """``output`` of ``module`` as ``(image, channel, position)``.

    Where the kind of the module does not tell, maps are ``(image, channel, height, width)``,
    tokens ``(image, token, channel)``, and vectors ``(image, channel)``.
    """
    if output.ndim == 2:
        return output[:, :, None]
    if isinstance(module, nn.Linear) or (
        output.ndim == 3 and not isinstance(module, _CHANNELS_SECOND)
    ):
        output = output.movedim(-1, 1)
    return output.flatten(2)


def first_tensor(output: Any) -> Tensor | None:
    """What a layer returned, or the first of several; None where that has no channels."""
    if isinstance(output, tuple | list) and output:
        output = output[0]
    return output if isinstance(output, Tensor) and output.ndim >= 2 else None
