"""The images of a step go through the network in parts, one after the other, to save memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from itertools import pairwise

from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from nas_kd.errors import UsageError

Lesson = Callable[[slice], dict[str, Tensor]]
"""Some images of a step, by their places, to ``loss``, with its gradient, and further parts of it.
Each is a mean over these images of what does not depend on the others."""


def backward_in_parts(
    lesson: Lesson, images: int, at_once: int | None, network: nn.Module, accelerator: Accelerator
) -> dict[str, Tensor]:
    """Adds the gradients of the mean loss of a step; one part's graph lives at a time.

    Args:
        lesson: What is learned.
        images: Of the step, in this process.
        at_once: Most of them that make a part; None takes all.
        network: What the lesson calls, as accelerate prepared it: processes exchange their
            gradients once, after the last part.
        accelerator: Of this process.

    Returns:
        The parts of the loss as means over all images, detached.
    """
    count = 1 if at_once is None else math.ceil(images / at_once)
    means: dict[str, Tensor] = {}
    for start, stop in pairwise(images * number // count for number in range(count + 1)):
        share = (stop - start) / images
        with nullcontext() if stop == images else accelerator.no_sync(network):
            found = lesson(slice(start, stop))
            accelerator.backward(share * found["loss"])
        for name, part in found.items():
            means[name] = means.get(name, 0.0) + share * part.detach()
    return means


def require_no_batch_norm(network: nn.Module) -> None:
    """Raises `UsageError` where images of a step depend on each other.

    Statistics of parts are others than those of all images of a step.
    """
    if has_batch_norm(network):
        raise UsageError(
            "pretrain: images_at_once does not go with batch normalisation, which needs all images "
            "of a step at once. Leave it out and lower batch_size to save memory, or train an "
            "elastic-resnet with --space-option group_norm=1."
        )


def has_batch_norm(network: nn.Module) -> bool:
    """Whether what becomes of an image depends on the others of its step."""
    return any(isinstance(module, _BatchNorm) for module in network.modules())
