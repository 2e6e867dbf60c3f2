"""Batch normalisation takes away what all images and positions share, of gradients, too."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.hooks import RemovableHandle

from proxies._listening import Listener

ROUNDING = 1e-5
"""A sum below this share of the size of its terms is rounding, of float32 as of float64."""


class CancellationFilter(Listener):
    """Makes the gradient at the input of a batch normalisation zero where it cancels.

    A gradient that is the same at all images and positions of a channel, as average pooling makes
    it, does not pass: the mean that is subtracted undoes what the input adds. Rounding leaves a
    little of it, and every layer before would take that for a gradient. A channel is silenced where
    its gradient is at most `ROUNDING` of what would pass if mean and variance were constants, both
    as L2 norms over images and positions.

    Args:
        wanted: Whether to watch at all.
    """

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted
        self._calls: dict[nn.Module, _Call] = {}

    def attach(self, model: nn.Module) -> Iterator[RemovableHandle]:
        if self._wanted:
            for module in model.modules():
                if isinstance(module, _BatchNorm):
                    yield module.register_forward_pre_hook(self._watch_input)
                    yield module.register_forward_hook(self._watch_output)

    def _watch_input(self, module: _BatchNorm, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        values = inputs[0].view_as(inputs[0])  # what others read of the input passes unfiltered
        call = self._calls[module] = _Call(module, values.detach())
        if values.requires_grad:
            values.register_hook(lambda grad: call.silenced(grad) if self._listening else None)
        return (values, *inputs[1:])

    def _watch_output(self, module: _BatchNorm, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        call = self._calls.pop(module)
        if output.requires_grad:
            output.register_hook(lambda grad: call.hear(grad) if self._listening else None)


class _Call:
    """One call of a batch normalisation, and the gradient that reached its output."""

    def __init__(self, module: _BatchNorm, values: Tensor) -> None:
        self._axes = [axis for axis in range(values.ndim) if axis != 1]
        centred = values - values.mean(self._axes, keepdim=True)
        variance = self._size(centred).square() * values.shape[1] / values.numel()
        gain = variance.add(module.eps).rsqrt()
        self._gain = gain if module.weight is None else gain * module.weight.detach().abs()
        self._uncancelled = torch.zeros_like(gain)  # (channel,)

    def hear(self, gradient: Tensor) -> None:
        self._uncancelled = self._gain * self._size(gradient)

    def silenced(self, gradient: Tensor) -> Tensor | None:
        """The gradient without the channels in which it is rounding; None if there are none."""
        rounding = self._size(gradient) <= ROUNDING * self._uncancelled  # (channel,)
        if not bool(rounding.any()):
            return None
        shape = [1, -1, *(1 for _ in self._axes[1:])]
        return gradient.masked_fill(rounding.view(shape), 0.0)

    def _size(self, gradient: Tensor) -> Tensor:
        size: Tensor = torch.linalg.vector_norm(gradient, dim=self._axes)  # (channel,)
        return size
