from __future__ import annotations

import pytest
import torch
from torch.nn import functional
from torchvision.transforms import v2

from nas_kd.data import Augment, CropFlip, PerImage, SmallAffine
from nas_kd.errors import UsageError


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(64, 3, 8, 8, generator=generator(1))


@pytest.mark.parametrize(
    "augment", [CropFlip(2), SmallAffine(), PerImage(v2.RandomHorizontalFlip())], ids=repr
)
def test_same_generator_same_views_and_nothing_else_moves(
    augment: Augment, images: torch.Tensor
) -> None:
    kept, state = images.clone(), torch.random.get_rng_state()
    views = augment(images, generator(3))
    assert torch.equal(views, augment(images, generator(3)))
    assert not torch.equal(views, augment(images, generator(4)))
    assert views.shape == images.shape
    assert torch.equal(images, kept)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_every_view_is_a_crop_of_the_reflected_image(images: torch.Tensor) -> None:
    views = CropFlip(padding=2, flip=True)(images, generator())
    padded = functional.pad(images, (2, 2, 2, 2), mode="reflect")
    places = set()
    for image, view in zip(padded, views, strict=True):
        matches = [
            (row, column, flipped)
            for row in range(5)
            for column in range(5)
            for flipped in (False, True)
            if torch.equal(_crop(image, row, column, flipped), view)
        ]
        assert len(matches) == 1
        places.add(matches[0])
    assert len(places) > 20


def _crop(image: torch.Tensor, row: int, column: int, flipped: bool) -> torch.Tensor:
    crop = image[:, row : row + 8, column : column + 8]
    return crop.flip(2) if flipped else crop


def test_nothing_to_do_is_the_identity(images: torch.Tensor) -> None:
    assert torch.equal(CropFlip(0, flip=False)(images, generator()), images)
    still = SmallAffine(degrees=0, scale=0, shift=0)(images, generator())
    torch.testing.assert_close(still, images, atol=1e-5, rtol=1e-5)


def test_half_of_the_images_are_mirrored() -> None:
    images = torch.arange(2.0).expand(1000, 1, 1, 2)
    mirrored = CropFlip(0, flip=True)(images, generator())[:, 0, 0, 0].mean()
    assert 0.45 < mirrored < 0.55


def test_small_affine_shifts_by_no_more_than_it_says() -> None:
    image = torch.zeros(200, 1, 21, 21)
    image[:, :, 10, 10] = 1
    views = SmallAffine(degrees=0, scale=0, shift=0.1)(image, generator())
    rows = (views.sum(3) * torch.arange(21)).sum(2) / views.sum((2, 3))
    assert (rows - 10).abs().max() <= 2.1 + 1e-3
    assert (rows - 10).std() > 0.5


def test_padding_larger_than_the_image_still_reflects() -> None:
    images = torch.randn(4, 1, 3, 3, generator=generator())
    assert CropFlip(padding=9)(images, generator()).shape == images.shape


def test_negative_padding_is_refused() -> None:
    with pytest.raises(UsageError, match="padding"):
        CropFlip(-1)
