"""How much the loss hangs on each channel of a layer's output."""

from __future__ import annotations

import torch
from torch import Tensor

from proxies._output_gradients import Gather, OutputGradientRecorder


class SaliencyRecorder(OutputGradientRecorder):
    """Multiplies outputs of convolutions and linear layers with the gradients by them.

    Attributes:
        saliency: Weight name to half the mean over the batch of the squared sum over positions of
            output times gradient, ``(channel,)``. A weight used twice adds both up; one whose
            output the loss does not depend on is absent.
    """

    def __init__(self, images: int, *, wanted: bool) -> None:
        super().__init__(images, wanted=wanted)
        self.saliency: dict[str, Tensor] = {}

    def _gather(self, name: str, inputs: Tensor, values: Tensor) -> Gather:
        return lambda gradient: self._add(name, (values * gradient).sum(2))

    def _add(self, name: str, pulls: Tensor) -> None:
        """``pulls``: the sum over positions of output times gradient, ``(image, channel)``."""
        saliency = 0.5 * pulls.square().mean(0)
        self.saliency[name] = self.saliency.get(name, torch.zeros_like(saliency)) + saliency
