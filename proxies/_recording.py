"""Hooks that record what a forward pass shows of a network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from nas_kd.errors import UsageError


class Recorder(Protocol):
    """Something that watches a forward pass and keeps what it needs of it."""

    def attach(self, model: nn.Module) -> Iterator[RemovableHandle]:
        """Hooks ``model``; a recorder with nothing to watch yields no handle."""
        ...


@contextmanager
def recording(model: nn.Module, recorders: Iterable[Recorder]) -> Iterator[None]:
    """Lets ``recorders`` watch ``model`` for the length of the context."""
    handles: list[RemovableHandle] = []
    try:
        for recorder in recorders:
            for handle in recorder.attach(model):
                handles.append(handle)  # one by one: an error removes those before it
        yield
    finally:
        for handle in handles:
            handle.remove()


class FeatureRecorder:
    """Keeps the outputs of named modules.

    Attributes:
        maps: Module name to its output, ``(batch, channel, height, width)`` for maps.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self.maps: dict[str, Tensor] = {}

    def attach(self, model: nn.Module) -> Iterator[RemovableHandle]:
        for name in self._names:
            yield find_module(model, name).register_forward_hook(self._keep(name))

    def _keep(self, name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            if not isinstance(output, Tensor):
                raise UsageError(
                    f"feature {name!r} of the network returns {type(output).__name__}, not a "
                    "tensor; name a module that returns one."
                )
            self.maps[name] = output.detach().clone()  # a later layer may work in place

        return hook


class HeadRecorder:
    """Keeps what goes into the classifier and what comes out of it.

    Attributes:
        pooled: Input of the classifier, ``(batch, channel)``.
        output: Output of the classifier, ``(batch, class)``.
    """

    def __init__(self, name: str | None) -> None:
        self._name = name
        self.pooled: Tensor | None = None
        self.output: Tensor | None = None

    def attach(self, model: nn.Module) -> Iterator[RemovableHandle]:
        if self._name is not None:
            yield find_module(model, self._name).register_forward_hook(self._keep)

    def _keep(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        pooled = inputs[0].detach()
        if pooled.flatten(1).shape[1] != pooled.shape[1]:
            raise UsageError(
                f"the classifier reads an input of shape {tuple(pooled.shape)}; DisWOT needs "
                "pooled features (batch, channel). Name the network's last linear layer."
            )
        self.pooled = pooled.flatten(1).clone()
        self.output = output.detach()


def find_module(model: nn.Module, name: str) -> nn.Module:
    """The submodule called ``name``; `UsageError` when there is none."""
    try:
        return model.get_submodule(name)
    except AttributeError:
        raise UsageError(
            f"{type(model).__name__} has no submodule {name!r}; "
            "see model.named_modules() for the names there are."
        ) from None


def logits_of(output: Any) -> Tensor:
    """The logits in what a network returned: a tensor, or an object that has them."""
    logits = output if isinstance(output, torch.Tensor) else getattr(output, "logits", None)
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2:
        raise UsageError(
            "the network must return logits of shape (batch, class), or an object with "
            f"`.logits`; it returned {type(output).__name__}"
            + (f" of shape {tuple(logits.shape)}." if isinstance(logits, torch.Tensor) else ".")
        )
    return logits
