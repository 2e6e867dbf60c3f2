"""A module under examination, and left exactly as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Within it: eval mode, no gradients, a private random state.

    The fused path of PyTorch's own transformer layers is off, as neither tracers nor exporters see
    into it. Afterwards every submodule has its mode back, and no hook that it had not before: a
    tracer that fails leaves its own behind.
    """
    modes = [(part, part.training) for part in module.modules()]
    hooks = [(kept, set(kept)) for part in module.modules() for kept in _hooks(part)]
    fast_path = torch.backends.mha.get_fastpath_enabled()
    try:
        module.eval()
        torch.backends.mha.set_fastpath_enabled(False)
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
        for part, training in modes:
            part.training = training
        for kept, before in hooks:
            for key in set(kept) - before:
                del kept[key]


def _hooks(part: nn.Module) -> tuple[dict[int, Any], dict[int, Any]]:
    return part._forward_pre_hooks, part._forward_hooks


def example_images(module: nn.Module, batch: int, input_shape: tuple[int, ...]) -> Tensor:
    """Zeros ``(batch, *input_shape)`` of the module's device and floating-point type."""
    parameter = next(module.parameters(), torch.empty(0))
    dtype = parameter.dtype if parameter.is_floating_point() else torch.float32
    return torch.zeros(batch, *input_shape, device=parameter.device, dtype=dtype)
