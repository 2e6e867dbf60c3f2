"""Hooks that record what a forward pass shows of a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from nas_kd.errors import UsageError

_RECTIFIERS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU)


class Recording:
    """What the hooks saw.

    Attributes:
        features: Module name to its output, ``(batch, channel, height, width)`` for maps.
        pooled: Input of the classifier, ``(batch, channel)``.
        head_output: Output of the classifier, ``(batch, class)``.
        kernel: Number of ReLU units that two images switch alike, ``(batch, batch)``, float64.
    """

    def __init__(self) -> None:
        self.features: dict[str, Tensor] = {}
        self.pooled: Tensor | None = None
        self.head_output: Tensor | None = None
        self.kernel: Tensor | None = None

    def keep_feature(self, name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            if not isinstance(output, Tensor):
                raise UsageError(
                    f"feature {name!r} of the network returns {type(output).__name__}, not a "
                    "tensor; name a module that returns one."
                )
            self.features[name] = output.detach().clone()  # a later layer may work in place

        return hook

    def keep_head(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        pooled = inputs[0].detach()
        if pooled.flatten(1).shape[1] != pooled.shape[1]:
            raise UsageError(
                f"the classifier reads an input of shape {tuple(pooled.shape)}; DisWOT needs "
                "pooled features (batch, channel). Name the network's last linear layer."
            )
        self.pooled = pooled.flatten(1).clone()
        self.head_output = output.detach()

    def add_pattern(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        active = (inputs[0].detach() > 0).flatten(1).float()  # (batch, unit)
        both = active @ active.T  # (batch, batch)
        counts = both.diagonal()
        neither = active.shape[1] - counts[:, None] - counts[None, :] + both
        alike = (both + neither).double()
        self.kernel = alike if self.kernel is None else self.kernel + alike


@contextmanager
def recording(
    model: nn.Module, *, features: Sequence[str], head: str | None, rectifiers: bool
) -> Iterator[Recording]:
    """Hooks ``model`` for the length of the context.

    Args:
        model: The network.
        features: Modules whose output is kept.
        head: The classifier, to keep what goes in and out; None to leave it alone.
        rectifiers: Whether to accumulate the activation kernel over every call of every ReLU,
            ReLU6, LeakyReLU and PReLU module. Functional ones are invisible to hooks.
    """
    seen = Recording()
    handles = [
        find_module(model, name).register_forward_hook(seen.keep_feature(name)) for name in features
    ]
    if head is not None:
        handles.append(find_module(model, head).register_forward_hook(seen.keep_head))
    if rectifiers:
        handles += [
            module.register_forward_pre_hook(seen.add_pattern)
            for module in model.modules()
            if isinstance(module, _RECTIFIERS)
        ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


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
