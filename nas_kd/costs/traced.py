"""A module as a function of tensors alone, which is what a tracer can follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from nas_kd.errors import UsageError


class Traced(nn.Module):
    """Calls a module with tensors and returns every tensor in its output.

    Mappings, tuples, lists and objects with ``logits`` are looked into; whatever else a model
    returns beside them, such as a cache of keys and values, is dropped.

    Args:
        module: The module.
        names: The keyword of each tensor; empty where they are passed by position.
        constants: Keyword arguments that are no tensors.
    """

    def __init__(
        self,
        module: nn.Module,
        names: Sequence[str] = (),
        constants: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.module = module
        self.names = tuple(names)
        self.constants = dict(constants or {})

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        if self.names:
            named = dict(zip(self.names, tensors, strict=True))
            output = self.module(**named, **self.constants)
        else:
            output = self.module(*tensors, **self.constants)
        found = tuple(tensors_in(output))
        if not found:
            raise UsageError(
                f"model: {type(self.module).__name__} returned {type(output).__name__} without a "
                "tensor in it. Wrap the model so that it returns a tensor, or a mapping or tuple "
                "of tensors."
            )
        return found


def tensors_in(output: Any) -> Iterator[Tensor]:
    """The tensors in a module's output, in order."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, Mapping):
        for value in output.values():
            yield from tensors_in(value)
    elif isinstance(output, tuple | list):
        for value in output:
            yield from tensors_in(value)
    elif hasattr(output, "logits"):
        yield from tensors_in(output.logits)
