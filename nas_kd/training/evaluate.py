"""Accuracy of a classifier."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from nas_kd.data import Images


def evaluate_accuracy(module: nn.Module, images: Images, *, batch_size: int = 256) -> float:
    """Share of images that are classified right, in [0, 1].

    Args:
        module: Images ``(batch, C, H, W)`` to logits ``(batch, class)``; it runs in eval mode on
            the device where it is, and every submodule gets its own mode back.
        images: The images with their labels.
        batch_size: Images per forward pass.
    """
    indices = torch.arange(len(images))
    right = count_correct(module, images, indices, batch_size=batch_size)
    return right / max(1, len(images))


@torch.inference_mode()
def count_correct(
    module: nn.Module, images: Images, indices: Tensor, *, batch_size: int = 256
) -> int:
    """How many of the images at ``indices`` are classified right."""
    device = device_of(module)
    right = 0
    with eval_mode(module):
        for part in indices.split(batch_size):
            if len(part) == 0:
                continue
            pixels, labels = images.batch(part)
            pixels = pixels.to(device, memory_format=torch.channels_last)
            right += int((module(pixels).argmax(1).cpu() == labels).sum())
    return right


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """Every submodule in eval mode, and back in its own afterwards."""
    modes = {submodule: submodule.training for submodule in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for submodule, training in modes.items():
            submodule.training = training


def device_of(module: nn.Module) -> torch.device:
    """Where the module's parameters are."""
    return next((p.device for p in module.parameters()), torch.device("cpu"))
