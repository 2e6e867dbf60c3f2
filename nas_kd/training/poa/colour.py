"""Colour changes with a strength of its own for every image of a batch.

torchvision's ``v2`` functions change a whole batch alike. These take a strength for each image and
compute the same: the tests compare them with torchvision image by image. Images are
``(batch, C, H, W)`` with values in [0, 1]; strengths are ``(batch,)``.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as transforms


def adjust_brightness(images: Tensor, factors: Tensor) -> Tensor:
    """Blends with black."""
    return (images * _each(factors)).clamp(0, 1)


def adjust_contrast(images: Tensor, factors: Tensor) -> Tensor:
    """Blends with the mean grey of the image."""
    mean = to_grey(images).mean((1, 2, 3), keepdim=True)
    return torch.lerp(mean, images, _each(factors)).clamp(0, 1)


def adjust_saturation(images: Tensor, factors: Tensor) -> Tensor:
    """Blends with the image in grey."""
    return torch.lerp(to_grey(images), images, _each(factors)).clamp(0, 1)


def adjust_hue(images: Tensor, turns: Tensor) -> Tensor:
    """Turns the hue by a share of the circle; value and saturation stay."""
    value, darkest = images.amax(1), images.amin(1)  # batch, H, W
    chroma = value - darkest
    safe = torch.where(chroma == 0, 1, chroma)
    red, green, blue = ((value - channel) / safe for channel in images.unbind(1))
    sector = torch.where(
        images[:, 0] == value,
        blue - green,
        torch.where(images[:, 1] == value, 2 + red - blue, 4 + green - red),
    )
    sector = sector + 6 * turns.view(-1, 1, 1)
    of_channel = torch.tensor([5.0, 3.0, 1.0], device=images.device).view(1, 3, 1, 1)
    place = (of_channel + sector[:, None]).remainder(6)
    return value[:, None] - chroma[:, None] * torch.minimum(place, 4 - place).clamp(0, 1)


def to_grey(images: Tensor) -> Tensor:
    """Luma by ITU-R 601, with one channel."""
    grey: Tensor = images if images.shape[1] == 1 else transforms.rgb_to_grayscale(images)
    return grey


def solarize(images: Tensor) -> Tensor:
    """Inverts what is brighter than a half."""
    inverted: Tensor = transforms.solarize(images, 128 / 255)
    return inverted


def blur(images: Tensor, sigmas: Tensor, size: int) -> Tensor:
    """Gaussian blur with a kernel of ``size`` pixels; the border is reflected."""
    batch, channels, height, width = images.shape
    places = torch.arange(size, device=images.device) - (size - 1) / 2
    kernels = torch.softmax(-0.5 * (places / sigmas.view(-1, 1)).square(), dim=1)  # batch, size
    kernels = kernels.repeat_interleave(channels, 0)  # batch * channel, size
    flat = F.pad(images, [size // 2] * 4, mode="reflect").flatten(0, 1)[None]
    flat = F.conv2d(flat, kernels.view(-1, 1, 1, size), groups=batch * channels)
    flat = F.conv2d(flat, kernels.view(-1, 1, size, 1), groups=batch * channels)
    return flat.view(batch, channels, height, width)


def _each(strengths: Tensor) -> Tensor:
    return strengths.view(-1, 1, 1, 1)
