from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from nas_kd.data import TensorImages, channel_statistics
from nas_kd.data.images import with_channels
from nas_kd.errors import UsageError

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


@pytest.fixture
def images() -> TensorImages:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (20, 3, 6, 6), dtype=torch.uint8, generator=generator)
    return TensorImages(pixels, torch.arange(20) % 4, MEAN, STD)


def test_items_are_what_torchvision_makes_of_the_bytes(images: TensorImages) -> None:
    transform = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])
    image, label = images[7]
    torch.testing.assert_close(image, transform(images.images[7]), atol=1e-6, rtol=1e-6)
    assert label == 3


def test_batches_items_and_the_loader_agree(images: TensorImages) -> None:
    batch, labels = images.batch([3, 1, 2])
    assert torch.equal(batch, torch.stack([images[i][0] for i in (3, 1, 2)]))
    assert labels.tolist() == [3, 1, 2]
    loaded = list(DataLoader(images, batch_size=8))
    assert torch.equal(torch.cat([part for part, _ in loaded]), images.batch(range(20))[0])
    assert torch.cat([part for _, part in loaded]).tolist() == images.labels.tolist()


def test_reading_never_changes_what_is_kept() -> None:
    pixels = torch.rand(4, 1, 5, 5)
    images = TensorImages(pixels.clone(), torch.zeros(4), (0.5,), (0.5,))
    images.batch([0, 1, 2, 3])
    assert torch.equal(images.images, pixels)


def test_subset_and_other_normalisation(images: TensorImages) -> None:
    part = images.subset([5, 9]).normalised(None, None)
    assert torch.equal(part[1][0] * 255, images.images[9].float())
    assert part.labels.tolist() == [1, 1]


def test_indices_run_from_either_end_and_no_further(images: TensorImages) -> None:
    with pytest.raises(IndexError):
        images[20]
    assert torch.equal(images[-1][0], images[19][0])


def test_statistics_are_those_of_all_pixels(images: TensorImages) -> None:
    mean, std = channel_statistics(images.images)
    values = images.images.double().div(255).transpose(0, 1).flatten(1)
    assert mean == pytest.approx(values.mean(1).tolist())
    assert std == pytest.approx(values.std(1, correction=0).tolist())


def test_a_constant_channel_is_not_divided_by_zero() -> None:
    mean, std = channel_statistics(torch.full((3, 1, 2, 2), 51, dtype=torch.uint8))
    assert mean == pytest.approx((0.2,))
    assert std == (1.0,)


def test_channels_are_converted(images: TensorImages) -> None:
    grey = with_channels(images.images, 1)
    assert grey.shape == (20, 1, 6, 6)
    assert torch.equal(with_channels(grey, 3), grey.expand(-1, 3, -1, -1))
    expected = v2.functional.rgb_to_grayscale(images.images)
    assert (grey.int() - expected.int()).abs().max() <= 1


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="labels"):
        TensorImages(torch.zeros(3, 1, 2, 2), torch.zeros(4))
