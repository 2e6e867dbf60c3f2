"""Random crops cover the share of the image that is asked for."""

from __future__ import annotations

import pytest
import torch
from torch import Generator

from nas_kd.training.elastic.random_crops import Draws, random_crop


def _draws(seed: int, count: int) -> Draws:
    return Draws(count, torch.device("cpu"), Generator().manual_seed(seed))


@pytest.mark.parametrize("scale", [(0.32, 1.0), (0.05, 0.32)])
def test_a_crop_covers_the_share_asked_for(scale: tuple[float, float]) -> None:
    """On an image whose values are its coordinates, a crop's extent tells what it covers."""
    rows, columns = torch.meshgrid(*[torch.linspace(0, 1, 64)] * 2, indexing="ij")
    images = torch.stack([rows, columns]).expand(300, -1, -1, -1)
    crops = random_crop(images, scale, 32, _draws(0, 300), flip=False)
    height, width = (
        (part.flatten(1).amax(1) - part.flatten(1).amin(1)) * 32 / 31 * 63 / 64
        for part in crops.unbind(1)
    )
    area, aspect = height * width, width / height

    assert area.min() > scale[0] - 0.02
    assert area.max() < scale[1] + 0.02
    assert area.max() - area.min() > 0.6 * (scale[1] - scale[0])
    assert aspect.min() > 0.73
    assert aspect.max() < 1.37


def test_half_of_the_crops_are_mirrored() -> None:
    ramp = torch.linspace(0, 1, 32).expand(400, 1, 32, 32)
    mirrored, plain = (
        random_crop(ramp, (0.5, 1.0), 16, _draws(0, 400), flip=f) for f in (True, False)
    )

    falling = (mirrored[..., 0] > mirrored[..., -1]).float().mean()
    assert 0.4 < falling < 0.6
    assert not (plain[..., 0] > plain[..., -1]).any()
