"""A module seen as a function from one tensor to one tensor of logits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from nas_kd.errors import UsageError


class LogitsOnly(nn.Module):
    """Calls a module and picks the logits out of what it returns.

    Tracers want a plain tensor; many models return a mapping or an object with ``logits``
    (transformers), or a tuple that begins with them.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, inputs: Tensor) -> Tensor:
        return pick_logits(self.module(inputs))


def pick_logits(output: Any) -> Tensor:
    """The logits in a module's output.

    Raises:
        UsageError: There is no tensor where logits are looked for.
    """
    if isinstance(output, Mapping) and "logits" in output:
        output = output["logits"]
    elif hasattr(output, "logits"):
        output = output.logits
    elif isinstance(output, tuple | list) and output:
        output = output[0]
    if not isinstance(output, Tensor):
        raise UsageError(
            f"model: it returned {type(output).__name__}, and logits are looked for in a tensor, "
            "in an output's 'logits' or in the first element of a tuple. Wrap the model so that it "
            "returns its logits."
        )
    return output
