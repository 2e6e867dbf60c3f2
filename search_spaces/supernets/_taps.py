"""What passes through the heads and the MLP of every layer of a language model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from search_spaces.language_models import LayerNames, family_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Tap:
    """What passed through one layer in the latest forward, each ``(batch, token, channel)``."""

    def __init__(self, layer: nn.Module, names: LayerNames) -> None:
        self._names = names
        self._seen: dict[str, Tensor] = {}
        self.hooks = [
            *(layer.get_submodule(n).register_forward_pre_hook(self._reads(n)) for n in self._read),
            *(layer.get_submodule(n).register_forward_hook(self._gives(n)) for n in names.inner),
        ]

    @property
    def heads(self) -> Tensor:
        """Outputs of the heads, side by side."""
        return self._seen[self._names.out]

    @property
    def mlp(self) -> Tensor:
        """Activations inside the MLP."""
        return self._seen[self._names.outer]

    @property
    def before_activation(self) -> list[Tensor]:
        """Outputs of the linear layers that widen a token into the MLP."""
        return [self._seen[name] for name in self._names.inner]

    @property
    def _read(self) -> tuple[str, str]:
        return self._names.out, self._names.outer

    def _reads(self, name: str) -> Any:
        def keep(_part: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            self._seen[name] = inputs[0]

        return keep

    def _gives(self, name: str) -> Any:
        def keep(_part: nn.Module, _inputs: Any, output: Tensor) -> None:
            self._seen[name] = output

        return keep


@contextmanager
def tapped(model: PreTrainedModel) -> Iterator[list[Tap]]:
    """Within it the model is in eval mode, and a tap on every layer, in order."""
    family = family_of(model.config)
    layers: Any = model.base_model.get_submodule(family.layers)
    training = model.training
    model.eval()
    taps = [Tap(layer, family.names) for layer in layers]
    try:
        yield taps
    finally:
        model.train(training)
        for hook in (hook for tap in taps for hook in tap.hooks):
            hook.remove()
