"""Gradients of one image at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from proxies._norm_statistics import NormStatistics, statistics_held
from proxies._randomness import seeded
from proxies._recording import logits_of
from proxies._weights import layer_weights

_TOGETHER = 16
"""Images whose gradients are in memory at the same time, unless they are kept."""

Result = TypeVar("Result")


def image_gradients(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    *,
    output: Callable[[Tensor, Tensor], Tensor],
    read: Callable[[dict[str, Tensor]], Result],
    statistics: Sequence[NormStatistics],
    seed: int,
) -> list[Result]:
    """Differentiates an output of each image by the weights of convolutions and linear layers.

    Args:
        model: The network; it comes back as it was.
        inputs: Images, ``(batch, channel, height, width)``.
        targets: Class indices, ``(batch,)``.
        output: From the logits, ``(class,)``, and the target of one image to a scalar.
        read: Is given the gradients of a few images, weight name to ``(image, *weight)``.
        statistics: By which batch normalisation divides, as constants.
        seed: Seeds layers that draw.

    Returns:
        What ``read`` made of the images, a few at a time, in order.
    """
    weights = {name: weight.detach() for name, weight in layer_weights(model).items()}

    def value(weights: dict[str, Tensor], image: Tensor, target: Tensor) -> Tensor:
        logits = logits_of(torch.func.functional_call(model, weights, (image[None],)))
        return output(logits[0], target)

    differentiate = torch.func.vmap(
        torch.func.grad(value), in_dims=(None, 0, 0), randomness="different"
    )
    batches = zip(inputs.split(_TOGETHER), targets.split(_TOGETHER), strict=True)
    with (
        statistics_held(model, statistics),
        seeded(seed, inputs.device),
        sdpa_kernel(SDPBackend.MATH),  # fused attention cannot be differentiated image by image
    ):
        return [read(differentiate(weights, *batch)) for batch in batches]
