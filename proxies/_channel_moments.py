"""How the channels of an output vary together over the images and positions of a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from proxies._layout import channels_first, first_tensor
from proxies._similarity import CONSTANT


@dataclass(frozen=True)
class ChannelMoments:
    """First and second moments over images and positions, float64, on the CPU.

    The covariance divides by the number of rows; rows and columns of constant channels are zero.
    """

    mean: Tensor  # (channel,)
    covariance: Tensor  # (channel, channel)


class MomentRecorder:
    """Keeps the moments of the output at every call of the modules that are watched.

    Args:
        watched: Tells which modules; None for none.
        head: Name of the classifier, which is left out.

    Attributes:
        moments: One entry for each call, in the order of the calls.
    """

    def __init__(self, watched: Callable[[nn.Module], bool] | None, head: str) -> None:
        self._watched = watched
        self._head = head
        self.moments: list[ChannelMoments] = []

    def attach(self, model: nn.Module) -> Iterator[RemovableHandle]:
        if self._watched is None:
            return
        for name, module in model.named_modules():
            if name != self._head and self._watched(module):
                yield module.register_forward_hook(self._keep)

    def _keep(self, module: nn.Module, inputs: Any, output: Any) -> None:
        tensor = first_tensor(output)
        if tensor is not None:
            self.moments.append(channel_moments(channels_first(tensor, module)))


def channel_moments(channels: Tensor) -> ChannelMoments:
    """Moments of ``(image, channel, position)``."""
    rows = channels.detach().transpose(0, 1).flatten(1)  # (channel, image * position)
    mean = rows.mean(1, keepdim=True)
    centred = rows - mean
    covariance = (centred @ centred.T).cpu().double() / rows.shape[1]
    mean = mean[:, 0].cpu().double()
    constant = covariance.diagonal() <= (CONSTANT * mean).square()
    if bool(constant.any()):
        varying = ~constant
        covariance = covariance.where(varying[:, None] & varying, 0.0)
    return ChannelMoments(mean, covariance)
