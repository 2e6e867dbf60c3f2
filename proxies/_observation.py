"""The one forward pass that a network's facts come from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from proxies._batch import require_labels
from proxies._blocks import BlockResponse, block_responses
from proxies._gradients import gradients
from proxies._layer_slopes import LayerSlope
from proxies._randomness import seeded
from proxies._recorders import Recorders
from proxies._recording import logits_of, recording
from proxies._restoring import left_as_found
from proxies._weights import layer_weights

_OF_THE_LOSS = frozenset({"weight_gradients", "channel_saliency", "hessian_gradients"})
_TO_THE_IMAGES = frozenset({"input_jacobian", "block_responses"})
_OF_THE_LOGITS = frozenset({"input_jacobian", "layer_slopes"})

OBSERVABLE = (
    frozenset(
        {
            "logits",
            "features",
            "last_feature",
            "pooled",
            "head_gradient",
            "relu",
            "relu_words",
            "block_moments",
            "layer_moments",
            "norm_moments",
            "norm_statistics",
            "channel_correlations",
        }
    )
    | _OF_THE_LOSS
    | _TO_THE_IMAGES
    | _OF_THE_LOGITS
)
"""Facts that come out of a forward pass; only the last three groups make it build a graph."""


@dataclass(frozen=True)
class Observation:
    """What one pass showed. See `Probe` for the meaning and the shapes."""

    logits: Tensor
    recorded: Recorders
    input_jacobian: Tensor | None
    layer_slopes: list[LayerSlope]
    block_responses: list[BlockResponse]
    weight_gradients: dict[str, Tensor]
    hessian_gradients: dict[str, Tensor]


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

    Without a gradient among ``needs`` no graph is built. All gradients share the graph: one
    backward pass from each block to the one before, one of the summed logits to images and weights,
    one of the loss to the weights, and one more through that for the Hessian.
    """
    to_weights = _OF_THE_LOSS | {"layer_slopes"}
    weights = layer_weights(model) if to_weights.intersection(needs) else {}
    images = inputs.detach().clone().requires_grad_(bool(_TO_THE_IMAGES.intersection(needs)))
    twice = "hessian_gradients" in needs
    with (
        left_as_found(model),
        seeded(seed, inputs.device),
        torch.set_grad_enabled(bool(weights) or images.requires_grad),
        _attention(differentiable_twice=twice),
    ):
        if not all(module.training for module in model.modules()):
            model.train()
        trained = {id(weight) for weight in weights.values()}
        for parameter in model.parameters():
            parameter.requires_grad_(id(parameter) in trained)
        recorders = Recorders(needs, features, head, len(images))
        with recording(model, recorders):
            logits = logits_of(model(images.clone()))
        responses = block_responses(recorders.blocks.maps, seed)
        recorders.blocks.maps.clear()
        of_loss = weights if _OF_THE_LOSS.intersection(needs) else {}
        jacobian, layer_slopes = _logit_slopes(
            logits, images, weights, recorders, needs, keep_graph=bool(of_loss)
        )
        slopes: list[Tensor] = []
        curved: list[Tensor] = []
        if of_loss:
            require_labels(targets, logits.shape[1])
            loss = F.cross_entropy(logits, targets)
            with recorders.saliency.listening():
                slopes = gradients(loss, list(of_loss.values()), with_graph=twice)
        if twice:
            steps = zip(slopes, slopes, strict=True)
            product = torch.stack([(one.detach() * other).sum() for one, other in steps]).sum()
            curved = gradients(product, list(weights.values()))
    return Observation(
        logits=logits.detach(),
        recorded=recorders,
        input_jacobian=None if jacobian is None else jacobian.flatten(1),
        layer_slopes=layer_slopes,
        block_responses=responses,
        weight_gradients={n: s.detach() for n, s in zip(of_loss, slopes, strict=True)},
        hessian_gradients=dict(zip(weights, curved, strict=False)),
    )


def _logit_slopes(
    logits: Tensor,
    images: Tensor,
    weights: dict[str, Tensor],
    recorders: Recorders,
    needs: Collection[str],
    *,
    keep_graph: bool,
) -> tuple[Tensor | None, list[LayerSlope]]:
    """The input Jacobian and the layers' slopes, as far as ``needs`` ask for them, in one pass."""
    wanted = _OF_THE_LOGITS.intersection(needs)
    if not wanted:
        return None, []
    to_images = [images] if "input_jacobian" in wanted else []
    to_weights = weights if "layer_slopes" in wanted else {}
    with recorders.slopes.listening(), recorders.cancelled.listening():
        found = gradients(logits.sum(), [*to_images, *to_weights.values()], keep_graph=keep_graph)
    by_weight = dict(zip(to_weights, found[len(to_images) :], strict=True))
    layers = recorders.slopes.slopes(to_weights, by_weight)
    return found[0] if to_images else None, layers


def _attention(*, differentiable_twice: bool) -> AbstractContextManager[None]:
    """Fused attention has no second derivative; the plain one has."""
    return sdpa_kernel(SDPBackend.MATH) if differentiable_twice else nullcontext()
