"""How much the loss hangs on each channel of a layer's output."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from proxies._layout import channels_first
from proxies._weights import WEIGHTED, layer_weights


class SaliencyRecorder:
    """Multiplies outputs of convolutions and linear layers with the gradients by them.

    Attributes:
        saliency: Weight name to half the mean over the batch of the squared sum over positions of
            output times gradient, ``(channel,)``. A weight used twice adds both up; one whose
            output the loss does not depend on is absent.
    """

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted
        self._listening = False
        self.saliency: dict[str, Tensor] = {}

    def attach(self, model: nn.Module) -> Iterator[RemovableHandle]:
        if self._wanted:
            names = {id(weight): name for name, weight in layer_weights(model).items()}
            for module in model.modules():
                if isinstance(module, WEIGHTED):
                    yield module.register_forward_hook(self._watch(names[id(module.weight)]))

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Only the backward pass inside counts."""
        self._listening = True
        try:
            yield
        finally:
            self._listening = False

    def _watch(self, name: str) -> Callable[..., Tensor]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            values = output.detach()

            def gather(gradient: Tensor) -> None:
                if self._listening:
                    self._add(name, channels_first(values * gradient.detach(), module).sum(2))

            output.register_hook(gather)
            return output.clone()  # a later layer may work in place, and on the copy

        return hook

    def _add(self, name: str, pulls: Tensor) -> None:
        """``pulls``: the sum over positions of output times gradient, ``(image, channel)``."""
        saliency = 0.5 * pulls.square().mean(0)
        self.saliency[name] = self.saliency.get(name, torch.zeros_like(saliency)) + saliency
