"""Colour changes equal torchvision's, image by image."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from nas_kd.training.poa import colour

STRENGTHS = torch.tensor([0.6, 0.97, 1.4])
TURNS = torch.tensor([-0.1, 0.03, 0.5])


@pytest.fixture
def images() -> Tensor:
    drawn = torch.rand(3, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    drawn[0, :, :4] = drawn[0, :1, :4]  # some grey pixels, which have no hue
    return drawn


@pytest.mark.parametrize(
    ("ours", "theirs", "strengths"),
    [
        (colour.adjust_brightness, transforms.adjust_brightness, STRENGTHS),
        (colour.adjust_contrast, transforms.adjust_contrast, STRENGTHS),
        (colour.adjust_saturation, transforms.adjust_saturation, STRENGTHS),
        (colour.adjust_hue, transforms.adjust_hue, TURNS),
    ],
)
def test_a_change_is_torchvisions(
    images: Tensor,
    ours: Callable[[Tensor, Tensor], Tensor],
    theirs: Callable[[Tensor, float], Tensor],
    strengths: Tensor,
) -> None:
    expected = [theirs(image, float(s)) for image, s in zip(images, strengths, strict=True)]

    torch.testing.assert_close(ours(images, strengths), torch.stack(expected), atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [3, 9])
def test_a_blur_is_torchvisions(images: Tensor, size: int) -> None:
    sigmas = torch.tensor([0.1, 0.9, 2.0])
    expected = [
        transforms.gaussian_blur(image, [size, size], [float(sigma)] * 2)
        for image, sigma in zip(images, sigmas, strict=True)
    ]

    blurred = colour.blur(images, sigmas, size)

    torch.testing.assert_close(blurred, torch.stack(expected), atol=1e-5, rtol=0)


def test_grey_images_keep_brightness_and_contrast(images: Tensor) -> None:
    grey = colour.to_grey(images)
    expected = [
        transforms.adjust_contrast(image, float(s))
        for image, s in zip(grey, STRENGTHS, strict=True)
    ]

    assert torch.equal(colour.to_grey(grey), grey)
    torch.testing.assert_close(colour.adjust_contrast(grey, STRENGTHS), torch.stack(expected))
