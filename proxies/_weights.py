"""Which layers have weights that the gradient proxies sum over, and which ones normalise."""

from __future__ import annotations

import re

from torch import Tensor, nn

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
WEIGHTED = (*CONVOLUTIONS, nn.Linear)
_NORMS = (
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.SyncBatchNorm,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.InstanceNorm3d,
    nn.GroupNorm,
    nn.LayerNorm,
    nn.RMSNorm,
)
_ROOT_MEAN_SQUARE = re.compile(r"RMS_?Norm(2d)?(Fp32)?$", re.IGNORECASE)
"""What libraries call their own classes of the last kind, such as ``LlamaRMSNorm``."""


def is_norm(module: nn.Module) -> bool:
    """Whether it is a normalisation layer, of PyTorch's or another library's."""
    named = _ROOT_MEAN_SQUARE.search(type(module).__name__) is not None
    return isinstance(module, _NORMS) or (named and not any(True for _ in module.children()))


def is_weighted(module: nn.Module) -> bool:
    """Whether it is a convolution or a linear layer."""
    return isinstance(module, WEIGHTED)


def layer_weights(model: nn.Module) -> dict[str, Tensor]:
    """Weights of the convolutions and linear layers by name, a shared one only once."""
    weights: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, module in model.named_modules():
        if isinstance(module, WEIGHTED) and id(module.weight) not in seen:
            seen.add(id(module.weight))
            weights[f"{name}.weight" if name else "weight"] = module.weight
    return weights
