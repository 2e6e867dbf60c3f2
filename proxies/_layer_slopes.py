"""How the summed logits hang on each layer: its directions, its images, its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from proxies._cancellation import ROUNDING
from proxies._output_gradients import Gather, OutputGradientRecorder


@dataclass(frozen=True)
class LayerSlope:
    """The gradient of the summed logits at the output of one layer, and at its weight.

    Attributes:
        weights: Elements of the weight.
        channel_rank: Participation ratio of the output gradient's channels, over all images and
            positions; from 1 to the number of channels.
        image_rank: Participation ratio of the images' output gradients; from 1 to the batch.
        saliency: Sum over the weight's elements of |theta ds / dtheta|, s the mean over the images
            of the summed logits.
    """

    weights: int
    channel_rank: float
    image_rank: float
    saliency: float


@dataclass(frozen=True)
class _Ranks:
    channels: float
    images: float


class SlopeRecorder(OutputGradientRecorder):
    """Keeps the ranks of the gradients at the outputs of convolutions and linear layers."""

    def __init__(self, images: int, *, wanted: bool) -> None:
        super().__init__(images, wanted=wanted)
        self._ranks: list[tuple[str, _Ranks]] = []
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
            LayerSlope(weights[name].numel(), ranks.channels, ranks.images, saliencies[name])
            for name, ranks in self._ranks
            if saliencies.get(name, 0.0) > 0
        ]

    def _gather(self, name: str, inputs: Tensor, values: Tensor) -> Gather:
        size = _size(inputs)

        def gather(gradient: Tensor) -> None:
            if bool(gradient.any()):
                self._ranks.append((name, _ranks(gradient)))
                self._bounds[name] = self._bounds.get(name, 0.0) + size * _size(gradient)

        return gather


def _size(values: Tensor) -> float:
    return float(torch.linalg.vector_norm(values, dtype=torch.float64))


def _ranks(gradient: Tensor) -> _Ranks:
    """Of a gradient ``(image, channel, position)`` that is not zero."""
    largest = gradient.abs().max()  # keeps the squares of squares within float32
    scaled = gradient / largest
    return _Ranks(
        channels=participation_ratio(scaled.transpose(0, 1).flatten(1)),
        images=participation_ratio(scaled.flatten(1)),
    )


def participation_ratio(rows: Tensor) -> float:
    """How many of the singular values of ``(row, column)`` count, as (sum s^2)^2 / sum s^4.

    From the Gram matrix of the shorter side, without its eigenvalues: trace and Frobenius norm
    stand for the two sums.
    """
    short = rows if rows.shape[0] <= rows.shape[1] else rows.T
    gram = (short @ short.T).double()
    return float(gram.trace() ** 2 / gram.square().sum())
