"""A few weights of each layer, differentiated for each image apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.hooks import RemovableHandle

from proxies._weights import WEIGHTED, layer_weights

_CONVOLVE: dict[int, Callable[..., Tensor]] = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}
"""By the axes of the weight."""


class FewWeights:
    """Adds a step of zero, one for each image, to the first weights of the first layers.

    A gradient by the step is that of the image by the weight, at the price of a backward pass
    through the activations alone. The weights are the first ones of a layer's first output channel.
    Left out are layers that pad with anything but zeros, and layers that do not see one input for
    each image, as attention within windows does.

    Args:
        images: Size of the batch.
        layers: Layers at most.
        weights: Weights of a layer at most.

    Attributes:
        steps: Weight name to zeros ``(image, weight)``, leaves of the graph.
    """

    def __init__(self, images: int, *, layers: int, weights: int) -> None:
        self._images = images
        self._layers = layers
        self._weights = weights
        self.steps: dict[str, Tensor] = {}

    def attach(self, model: nn.Module) -> Iterator[RemovableHandle]:
        chosen = islice(layer_weights(model).items(), self._layers)
        names = {id(weight): name for name, weight in chosen}
        for module in model.modules():
            if isinstance(module, WEIGHTED) and id(module.weight) in names:
                yield module.register_forward_hook(self._shift(names[id(module.weight)]))

    def _shift(self, name: str) -> Callable[..., Tensor | None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
            seen = inputs[0]
            if len(seen) != self._images or getattr(module, "padding_mode", "zeros") != "zeros":
                return None
            answers = _answers(module, seen, self._weights)  # (image, weight, ...)
            if name not in self.steps:
                zeros = torch.zeros(answers.shape[:2]).to(answers)
                self.steps[name] = zeros.requires_grad_()
            shift = torch.einsum("bk,bk...->b...", self.steps[name], answers)
            axis = output.ndim - 1 if isinstance(module, nn.Linear) else 1
            first, others = output.split([1, output.shape[axis] - 1], dim=axis)
            return torch.cat([first + shift.unsqueeze(axis), others], dim=axis)

        return hook


def _answers(module: nn.Module, seen: Tensor, most: int) -> Tensor:
    """What each of the first weights multiplies, ``(image, weight, *position)``."""
    weight = module.get_parameter("weight")
    count = min(most, weight[0].numel())
    if isinstance(module, nn.Linear):
        return seen[..., :count].movedim(-1, 1)
    channels = math.ceil(count / weight[0, 0].numel())
    kernel = weight.new_zeros(count, channels * weight[0, 0].numel())
    kernel.fill_diagonal_(1)  # filter k picks what weight k of the first output channel meets
    return _CONVOLVE[weight.ndim](
        seen[:, :channels],
        kernel.unflatten(1, (channels, *weight.shape[2:])),
        stride=module.stride,
        padding=module.padding,
        dilation=module.dilation,
    )
