"""The initial weights that the sources of the proxies assume."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from nas_kd.errors import UsageError
from nas_kd.registry import unknown_name
from proxies._randomness import seeded
from proxies._weights import WEIGHTED, is_norm

SCHEMES = ("none", "default", "kaiming", "gaussian")


def initialise(model: nn.Module, scheme: str, seed: int) -> None:
    """Draws the weights of ``model`` anew, in place; the global random state is left alone.

    Parameters of other kinds than those named below keep their values under ``kaiming`` and
    ``gaussian``.

    Args:
        model: Any network.
        scheme: ``none``: nothing is changed. ``default``: every layer's own PyTorch
            initialisation (`reset_parameters`). ``gaussian``: weights of convolutions and linear
            layers from N(0, 1), biases 0, normalisation layers 1 and 0 (Zen-NAS, DisWOT).
            ``kaiming``: the same with standard deviation sqrt(2 / fan-in) (He et al., 2015).
        seed: Seeds the draw. But for ``default``, which draws on the device of the model, the
            values do not depend on the device.

    Raises:
        UsageError: There is no such scheme.
    """
    if scheme not in SCHEMES:
        raise UsageError(unknown_name("initialisations", scheme, list(SCHEMES)))
    if scheme == "default":
        _reset(model, seed)
    elif scheme != "none":
        _draw_normal(model, seed, scaled=scheme == "kaiming")


def _reset(model: nn.Module, seed: int) -> None:
    parameter = next(model.parameters(), None)
    with seeded(seed, None if parameter is None else parameter.device):
        for module in model.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()


@torch.no_grad()
def _draw_normal(model: nn.Module, seed: int, *, scaled: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, WEIGHTED):
            spread = math.sqrt(2 / module.weight[0].numel()) if scaled else 1.0
            drawn = torch.randn(module.weight.shape, generator=generator) * spread
            module.weight.copy_(drawn)
            _fill(module.bias, 0.0)
        elif is_norm(module):
            _fill(getattr(module, "weight", None), 1.0)
            _fill(getattr(module, "bias", None), 0.0)
            reset = getattr(module, "reset_running_stats", None)
            if callable(reset):
                reset()


def _fill(tensor: Tensor | None, value: float) -> None:
    if tensor is not None:
        tensor.fill_(value)
