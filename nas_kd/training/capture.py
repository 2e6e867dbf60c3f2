"""Catches the tensors that distillers need while a network runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from nas_kd.distill import Outputs
from nas_kd.errors import UsageError


class Capture:
    """Hooks on a network, as long as the context lasts, for what ``needs`` names and no more.

    Run the network, then call `outputs` with its logits.

    Args:
        module: The network.
        features: Names of the submodules whose outputs are its feature maps, shallow to deep.
        head: Name of its classifier, whose input is caught.
        needs: Of ``logits``, ``features`` and ``pooled``.

    Raises:
        UsageError: The network has no such submodule.
    """

    def __init__(
        self, module: nn.Module, *, features: Sequence[str], head: str, needs: frozenset[str]
    ) -> None:
        names = list(features) if "features" in needs else []
        self._maps = [(name, _submodule(module, name)) for name in names]
        self._head = _submodule(module, head) if "pooled" in needs else None
        self._caught: dict[str, Tensor] = {}
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> Self:
        for name, submodule in self._maps:
            self._handles.append(submodule.register_forward_hook(self._keep(name)))
        if self._head is not None:
            self._handles.append(self._head.register_forward_pre_hook(self._keep_pooled))
        return self

    def __exit__(self, *exception: object) -> None:
        while self._handles:
            self._handles.pop().remove()
        self._caught.clear()

    def outputs(self, logits: Tensor) -> Outputs:
        """What was caught since the last call, together with the logits."""
        caught, self._caught = self._caught, {}
        features = tuple(caught[name] for name, _ in self._maps if name in caught)
        return Outputs(logits, features, caught.get(_POOLED))

    def _keep(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            self._caught[name] = output[0] if isinstance(output, tuple) else output

        return hook

    def _keep_pooled(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._caught[_POOLED] = inputs[0]


_POOLED = ""  # the network's own name, which no feature map of it has


def _submodule(module: nn.Module, name: str) -> nn.Module:
    try:
        return module.get_submodule(name)
    except AttributeError as error:
        raise UsageError(
            f"training: {type(module).__name__} has no submodule {name!r}; give the names that "
            "named_modules() lists."
        ) from error
