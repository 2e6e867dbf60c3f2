"""The initial weights that proxies assume."""

from __future__ import annotations

import torch
from torch import nn

from nas_kd.errors import UsageError


def initialise(model: nn.Module, scheme: str, seed: int) -> None:
    """Re-initialises ``model`` in place.

    Args:
        model: Any module.
        scheme: ``default``: every layer's own `reset_parameters`. ``gaussian``: convolution and
            linear weights from N(0, 1), biases 0, normalisation at identity, as Zen-NAS and
            DisWOT do.
        seed: Seeds the draw; the global generator is left as it was.
    """
    if scheme not in ("default", "gaussian"):
        raise UsageError(f"proxies: there is no initialisation {scheme!r}; use default or gaussian.")
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for layer in model.modules():
            reset = getattr(layer, "reset_parameters", None)
            if callable(reset):
                reset()
            if scheme == "gaussian" and isinstance(layer, nn.Conv2d | nn.Linear):
                layer.weight.normal_(0.0, 1.0)
                if layer.bias is not None:
                    layer.bias.zero_()
