"""The import-path route on real CIFAR-10 with the published ResNets; skipped without the data."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks import cifar10
from nas_kd.data import IMAGENET_MEAN, IMAGENET_STD, TensorImages
from nas_kd.errors import UsageError


def _present() -> bool:
    try:
        return cifar10.data_file("cifar10_test.npz").is_file()
    except UsageError:
        return False


needs_data = pytest.mark.skipif(not _present(), reason="real data not there; set NAS_KD_DATA")


@needs_data
def test_resnet20_has_its_published_accuracy() -> None:
    images, labels = cifar10.decode_images(cifar10.data_file("cifar10_test.npz"))
    assert images.shape == (8000, 3, 32, 32)
    assert torch.bincount(labels).tolist() == [800] * 10
    test = TensorImages(images, labels, IMAGENET_MEAN, IMAGENET_STD)
    teacher = cifar10.resnet20_teacher()
    inputs, targets = test.batch(range(1000))
    with torch.inference_mode():
        right = (teacher.model(inputs).argmax(1) == targets).float().mean()
    assert right == pytest.approx(0.918, abs=0.02)  # three standard errors of 1,000 images


@needs_data
@pytest.mark.parametrize(
    ("depth", "params"), [(20, 269_722), (32, 464_154), (44, 658_586), (56, 853_018)]
)
def test_the_published_nets_have_their_published_sizes(depth: int, params: int) -> None:
    assert sum(p.numel() for p in cifar10.trained_resnet(depth).parameters()) == params


def test_without_the_data_it_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_KD_DATA", str(tmp_path))
    with pytest.raises(UsageError, match="NAS_KD_DATA"):
        cifar10.trained_resnet(20)
