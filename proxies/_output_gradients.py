"""The gradients at the outputs of a network's layers, for recorders that read them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from proxies._layout import by_image, channels_first
from proxies._listening import Listener
from proxies._weights import WEIGHTED, layer_weights

Gather = Callable[[Tensor], None]
"""Is given the gradient at an output, ``(image, channel, position)``."""


class OutputGradientRecorder(Listener, ABC):
    """Watches the outputs of convolutions and linear layers, and the gradients by them.

    Args:
        images: Size of the batch; layers may see each image in parts.
        wanted: Whether to watch at all.
    """

    def __init__(self, images: int, *, wanted: bool) -> None:
        self._images = images
        self._wanted = wanted

    @abstractmethod
    def _gather(self, name: str, inputs: Tensor, values: Tensor) -> Gather:
        """What becomes of the gradient by one output of the layer whose weight is ``name``.

        Args:
            name: Of the weight.
            inputs: What the layer was given, ``(image, channel, position)``, outside the graph;
                images that come in parts are as many more.
            values: The output, ``(image, channel, position)``, outside the graph.
        """

    def attach(self, model: nn.Module) -> Iterator[RemovableHandle]:
        if self._wanted:
            names = {id(weight): name for name, weight in layer_weights(model).items()}
            for module in model.modules():
                if isinstance(module, WEIGHTED):
                    yield module.register_forward_hook(self._watch(names[id(module.weight)]))

    def _watch(self, name: str) -> Callable[..., Tensor]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            seen = channels_first(inputs[0].detach(), module)
            gather = self._gather(name, seen, self._channels(output, module))

            def hear(gradient: Tensor) -> None:
                if self._listening:
                    gather(self._channels(gradient, module))

            output.register_hook(hear)
            return output.clone()  # a later layer may work in place, and on the copy

        return hook

    def _channels(self, values: Tensor, module: nn.Module) -> Tensor:
        """At the output of a layer, ``(image, channel, position)``."""
        return by_image(channels_first(values.detach(), module), self._images)
