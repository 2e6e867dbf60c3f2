"""Which weights the gradient proxies sum over."""

from __future__ import annotations

from torch import Tensor, nn

_WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


def layer_weights(model: nn.Module) -> dict[str, Tensor]:
    """Weights of the convolutions and linear layers by name, a shared one only once."""
    weights: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, module in model.named_modules():
        if isinstance(module, _WEIGHTED) and id(module.weight) not in seen:
            seen.add(id(module.weight))
            weights[f"{name}.weight" if name else "weight"] = module.weight
    return weights
