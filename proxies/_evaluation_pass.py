"""One more forward pass, for what the shared one does not show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from proxies._probe import Probe
from proxies._restoring import left_as_found


@torch.no_grad()
def evaluation_pass(probe: Probe, watchers: Mapping[str, Callable[[Tensor], None]]) -> None:
    """Runs the network once on the batch in evaluation mode: nothing is dropped, nothing drawn.

    Args:
        probe: The network and the batch.
        watchers: Module name to what is called with each of the module's outputs.
    """
    model = probe.model
    handles = [
        model.get_submodule(name).register_forward_hook(_hook(watch))
        for name, watch in watchers.items()
    ]
    try:
        with left_as_found(model):
            model.eval()
            model(probe.inputs)
    finally:
        for handle in handles:
            handle.remove()


def _hook(watch: Callable[[Tensor], None]) -> Callable[..., None]:
    def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
        watch(output)

    return hook
