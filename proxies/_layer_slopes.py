"""How the summed logits hang on each layer: what it sees, where it is moved, its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from proxies._cancellation import ROUNDING
from proxies._independence import independent_rows, log_independence
from proxies._output_gradients import Gather, OutputGradientRecorder

_MOST_CHANNELS = 64
"""Of the input, evenly spaced, whose correlations are looked at: there are more rows than that."""


@dataclass(frozen=True)
class LayerSlope:
    """The input of one layer, and the gradient of the summed logits at its output and weight.

    Attributes:
        weights: Elements of the weight.
        input_independence: `log_independence` of the input's channels, at most 64 of them, evenly
            spaced, over all images and positions.
        channels: `independent_rows` of the output gradient's channels, over all images and
            positions.
        images: `independent_rows` of the images' output gradients.
        saliency: Sum over the weight's elements of |theta ds / dtheta|, s the mean over the images
            of the summed logits.
    """

    weights: int
    input_independence: float
    channels: float
    images: float
    saliency: float


@dataclass(frozen=True)
class _Call:
    weight: str
    input_independence: float
    channels: float
    images: float


class SlopeRecorder(OutputGradientRecorder):
    """Keeps what convolutions and linear layers see, and the gradients at their outputs."""

    def __init__(self, images: int, *, wanted: bool) -> None:
        super().__init__(images, wanted=wanted)
        self._calls: list[_Call] = []
        self._bounds: dict[str, float] = {}  # of the gradient at a weight, in the L2 norm

    def slopes(
        self, weights: Mapping[str, Tensor], gradients: Mapping[str, Tensor]
    ) -> list[LayerSlope]:
        """One entry for each call of a layer on whose weight the logits depend, the last first.

        They do not where the gradient at the weight is at most `ROUNDING` of the L2 norms of
        inputs and output gradients, multiplied: the terms that it sums up cancel.

        Args:
            weights: Weight name to the weight.
            gradients: Weight name to the gradient of the sum over the images of the summed logits.
        """
        saliencies = {
            name: float((weights[name].detach() * gradients[name]).abs().sum()) / self._images
            for name, bound in self._bounds.items()
            if _size(gradients[name]) > ROUNDING * bound
        }
        return [
            LayerSlope(
                weights[call.weight].numel(),
                call.input_independence,
                call.channels,
                call.images,
                saliencies[call.weight],
            )
            for call in self._calls
            if saliencies.get(call.weight, 0.0) > 0
        ]

    def _gather(self, name: str, inputs: Tensor, values: Tensor) -> Gather:
        size = _size(inputs)
        independence = log_independence(_rows(_some_channels(inputs)))

        def gather(gradient: Tensor) -> None:
            if bool(gradient.any()):
                channels, images = map(independent_rows, (_rows(gradient), gradient.flatten(1)))
                self._calls.append(_Call(name, independence, channels, images))
                self._bounds[name] = self._bounds.get(name, 0.0) + size * _size(gradient)

        return gather


def _size(values: Tensor) -> float:
    return float(torch.linalg.vector_norm(values, dtype=torch.float64))


def _some_channels(values: Tensor) -> Tensor:
    """At most `_MOST_CHANNELS` of ``(image, channel, position)``, evenly spaced."""
    channels = values.shape[1]
    if channels <= _MOST_CHANNELS:
        return values
    return values[:, torch.linspace(0, channels - 1, _MOST_CHANNELS).round().long()]


def _rows(values: Tensor) -> Tensor:
    """``(image, channel, position)`` as ``(channel, image * position)``."""
    return values.transpose(0, 1).flatten(1)
