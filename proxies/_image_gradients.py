"""Gradients of one image at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from proxies._norm_statistics import NormStatistics, statistics_held
from proxies._randomness import seeded
from proxies._recording import logits_of
from proxies._weights import layer_weights

_TOGETHER = 16
"""Images whose gradients are in memory at the same time, unless they are kept."""


@dataclass(frozen=True)
class Reading:
    """What is differentiated for every image, and what is made of the gradients.

    Attributes:
        output: From the logits, ``(class,)``, and the target of one image to a scalar.
        read: Is given the gradients of a few images, weight name to ``(image, *weight)``.
    """

    output: Callable[[Tensor, Tensor], Tensor]
    read: Callable[[dict[str, Tensor]], Any]


def summed_signs(gradients: dict[str, Tensor]) -> Tensor:
    """Over a few images, ``(weight,)``, float64, with the weights of all layers in a row."""
    return torch.cat([g.sign().double().sum(0).flatten() for g in gradients.values()])


def by_layer(gradients: dict[str, Tensor]) -> list[Tensor]:
    """One ``(image, weight)`` for each layer."""
    return [gradient.flatten(1) for gradient in gradients.values()]


READINGS = {
    "image_loss_signs": Reading(F.cross_entropy, summed_signs),
    "image_logit_gradients": Reading(lambda logits, target: logits.sum(), by_layer),
}
"""The facts that take such gradients, of the cross-entropy and of the summed logits."""


def image_gradients(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    *,
    readings: Mapping[str, Reading],
    statistics: Sequence[NormStatistics],
    seed: int,
) -> dict[str, list[Any]]:
    """Differentiates outputs of each image by the weights of convolutions and linear layers.

    One forward pass of an image serves all outputs.

    Args:
        model: The network; it comes back as it was.
        inputs: Images, ``(batch, channel, height, width)``.
        targets: Class indices, ``(batch,)``.
        readings: What is wanted, by name.
        statistics: By which batch normalisation divides, as constants.
        seed: Seeds layers that draw.

    Returns:
        By the names of the readings what each made of the images, a few at a time, in order.
    """
    weights = {name: weight.detach() for name, weight in layer_weights(model).items()}

    def differentiate(image: Tensor, target: Tensor) -> dict[str, dict[str, Tensor]]:
        def forward(weights: dict[str, Tensor]) -> Tensor:
            return logits_of(torch.func.functional_call(model, weights, (image[None],)))[0]

        logits, pull = torch.func.vjp(forward, weights)[:2]
        return {
            name: pull(torch.func.grad(reading.output)(logits, target))[0]
            for name, reading in readings.items()
        }

    together = torch.func.vmap(differentiate, randomness="different")
    found: dict[str, list[Any]] = {name: [] for name in readings}
    with (
        statistics_held(model, statistics),
        seeded(seed, inputs.device),
        sdpa_kernel(SDPBackend.MATH),  # fused attention cannot be differentiated image by image
    ):
        for batch in zip(inputs.split(_TOGETHER), targets.split(_TOGETHER), strict=True):
            gradients = together(*batch)
            for name, reading in readings.items():
                found[name].append(reading.read(gradients.pop(name)))
    return found
