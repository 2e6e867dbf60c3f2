"""The one forward pass that a network's facts come from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas_kd.errors import UsageError
from proxies._randomness import seeded
from proxies._recording import Recording, logits_of, recording
from proxies._restoring import left_as_found
from proxies._weights import layer_weights

WEIGHT_GRADIENTS = "weight_gradients"
INPUT_JACOBIAN = "input_jacobian"

OBSERVABLE = frozenset(
    {
        "logits",
        "features",
        "last_feature",
        "pooled",
        "relu",
        "head_gradient",
        WEIGHT_GRADIENTS,
        INPUT_JACOBIAN,
    }
)
"""Facts that come out of a forward pass; only the last two make it build a graph."""


@dataclass(frozen=True)
class Observation:
    """What one pass showed. See `Probe` for the meaning and the shapes."""

    logits: Tensor
    recorded: Recording
    weight_gradients: dict[str, Tensor]
    input_jacobian: Tensor | None


def observe(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    *,
    needs: Collection[str],
    features: Sequence[str],
    head: str,
    seed: int,
) -> Observation:
    """Runs one forward pass in train mode, and the backward passes that ``needs`` ask for.

    Without a gradient among ``needs`` no graph is built. With both gradients the graph is shared:
    one backward pass of the loss to the weights, one of the summed logits to the images.
    """
    weights = layer_weights(model) if WEIGHT_GRADIENTS in needs else {}
    images = inputs.detach().clone().requires_grad_(INPUT_JACOBIAN in needs)
    with_graph = bool(weights) or images.requires_grad
    with (
        left_as_found(model),
        seeded(seed, inputs.device),
        torch.set_grad_enabled(with_graph),
    ):
        if not all(module.training for module in model.modules()):
            model.train()
        trained = {id(weight) for weight in weights.values()}
        for parameter in model.parameters():
            parameter.requires_grad_(id(parameter) in trained)
        with recording(
            model,
            features=_recorded_features(needs, features),
            head=head if {"pooled", "head_gradient"} & set(needs) else None,
            rectifiers="relu" in needs,
        ) as seen:
            logits = logits_of(model(images.clone()))
        jacobian = None
        if images.requires_grad:
            (jacobian,) = _gradients(logits.sum(), [images], keep_graph=bool(weights))
        gradients: list[Tensor] = []
        if weights:
            require_labels(targets, logits.shape[1])
            loss = F.cross_entropy(logits, targets)
            gradients = _gradients(loss, list(weights.values()), keep_graph=False)
    return Observation(
        logits.detach(),
        seen,
        dict(zip(weights, gradients, strict=True)),
        None if jacobian is None else jacobian.flatten(1),
    )


def require_labels(targets: Tensor, classes: int) -> None:
    """Raises `UsageError` for a label that is no class index."""
    low, high = int(targets.min()), int(targets.max())
    if low < 0 or high >= classes:
        raise UsageError(
            f"labels range from {low} to {high}, but the network has {classes} classes; "
            f"give class indices from 0 to {classes - 1}."
        )


def _recorded_features(needs: Collection[str], features: Sequence[str]) -> Sequence[str]:
    if "features" in needs:
        return features
    return features[-1:] if "last_feature" in needs else ()


def _gradients(output: Tensor, sources: list[Tensor], *, keep_graph: bool) -> list[Tensor]:
    """Gradients by ``sources``, zero for those that ``output`` does not depend on."""
    if not output.requires_grad:
        return [torch.zeros_like(source) for source in sources]
    found = torch.autograd.grad(output, sources, retain_graph=keep_graph, allow_unused=True)
    return [
        torch.zeros_like(source) if gradient is None else gradient
        for source, gradient in zip(sources, found, strict=True)
    ]
