"""Synaptic saliency of chosen layers."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from proxies._probe import Probe
from proxies._weights import layer_weights


def weights_and_gradients(probe: Probe, layers: Iterable[str]) -> list[tuple[Tensor, Tensor]]:
    """Weight and loss gradient of each of the named layers, a shared weight only once."""
    weights, gradients = layer_weights(probe.model), probe.weight_gradients
    names = dict.fromkeys(f"{layer}.weight" for layer in layers)
    return [(weights[name].detach(), gradients[name]) for name in names if name in gradients]


def saliency(probe: Probe, layers: Iterable[str]) -> float:
    """Sum over the weights W of the named layers of |W dL / dW|, L the mean cross-entropy."""
    return sum(
        float((weight * gradient).abs().sum())
        for weight, gradient in weights_and_gradients(probe, layers)
    )
