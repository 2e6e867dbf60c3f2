"""Multi-crop views: sizes, shares, draws."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Generator

from nas_kd.training.poa.crops import MultiCrop

CROPS = MultiCrop(
    side=32, local_side=12, local_views=3, mean=(0.5,) * 3, std=(0.25,) * 3, flip=True
)


def _images(count: int = 4, channels: int = 3) -> torch.Tensor:
    return torch.rand(count, channels, 32, 32, generator=Generator().manual_seed(1))


def test_there_are_two_global_and_all_local_views() -> None:
    views = CROPS(_images(), Generator().manual_seed(0))

    assert views.whole.shape == (2, 4, 3, 32, 32)
    assert views.local.shape == (3, 4, 3, 12, 12)
    none = replace(CROPS, local_views=0)(_images(), Generator().manual_seed(0))
    assert not none.has_local


def test_the_generator_decides_and_the_global_one_is_left_alone() -> None:
    state = torch.get_rng_state()
    first, second, third = (CROPS(_images(), Generator().manual_seed(s)) for s in (3, 3, 4))

    assert torch.equal(first.whole, second.whole)
    assert torch.equal(first.local, second.local)
    assert not torch.equal(first.whole, third.whole)
    assert torch.equal(torch.get_rng_state(), state)


def test_views_are_normalised_and_within_the_images_values() -> None:
    views = CROPS(_images(64), Generator().manual_seed(0))

    for view in (*views.whole, *views.local):
        assert view.min() >= (0 - 0.5) / 0.25 - 1e-5
        assert view.max() <= (1 - 0.5) / 0.25 + 1e-5


def test_grey_images_and_images_of_eight_pixels_have_views() -> None:
    digits = MultiCrop(side=8, local_side=4, local_views=2, mean=(0.3,), std=(0.4,), flip=False)
    views = digits(torch.rand(5, 1, 8, 8), Generator().manual_seed(0))

    assert torch.isfinite(views.whole).all()
    assert views.local.shape == (2, 5, 1, 4, 4)
