"""How the summed logits hang on each layer: its directions, its images, its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

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

    def slopes(
        self, weights: Mapping[str, Tensor], gradients: Mapping[str, Tensor]
    ) -> list[LayerSlope]:
        """One entry for each call of a layer on whose weight the logits depend, the last first.

        Args:
            weights: Weight name to the weight.
            gradients: Weight name to the gradient of the sum over the images of the summed logits.
        """
        saliencies = {
            name: float((weights[name].detach() * gradients[name]).abs().sum()) / self._images
            for name in dict(self._ranks)
        }
        return [
            LayerSlope(weights[name].numel(), ranks.channels, ranks.images, saliencies[name])
            for name, ranks in self._ranks
            if saliencies[name] > 0
        ]

    def _gather(self, name: str, values: Tensor) -> Gather:
        def gather(gradient: Tensor) -> None:
            if bool(gradient.any()):
                self._ranks.append((name, _ranks(gradient)))

        return gather


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
