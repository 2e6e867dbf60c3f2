"""Real CIFAR-10 and the trained CIFAR ResNets of the shared data, as data and teacher factories.

The folder is ``NAS_KD_DATA``, else ``../shared/data`` beside the repository.
"""

from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from nas_kd.data import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    CropFlip,
    DataSplits,
    TensorImages,
    stratified_split,
)
from nas_kd.errors import UsageError
from nas_kd.teachers import Teacher

_VALIDATION_SHARE = 0.05
_TILE_ROWS, _TILE_COLUMNS, _SIDE = 25, 40, 32


def data_file(name: str) -> Path:
    """A file of the real data; a clear error when it is not there."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("NAS_KD_DATA") or default) / name
    if not path.is_file():
        raise UsageError(
            f"benchmarks: the real data is not there: {path} is missing. "
            f"Set NAS_KD_DATA to the folder that holds it."
        )
    return path


@cache
def decode_images(path: Path) -> tuple[Tensor, Tensor]:
    """Images ``(image, channel, 32, 32)``, uint8, and labels of a file of WebP mosaics."""
    with np.load(path, allow_pickle=False) as archive:
        mosaics, offsets, labels = archive["webp"], archive["offsets"], archive["labels"]
    with ThreadPoolExecutor() as pool:
        tiles = list(pool.map(_tiles, (mosaics[a:b].tobytes() for a, b in pairwise(offsets))))
    images = np.concatenate(tiles)[: len(labels)].transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(labels.astype(np.int64))


def _tiles(mosaic: bytes) -> np.ndarray:
    pixels = np.asarray(Image.open(io.BytesIO(mosaic)).convert("RGB"))
    grid = pixels.reshape(_TILE_ROWS, _SIDE, _TILE_COLUMNS, _SIDE, 3)
    return grid.transpose(0, 2, 1, 3, 4).reshape(-1, _SIDE, _SIDE, 3)


def cifar10_data(
    seed: int = 0, image_size: int | None = None, train_images: int | None = None
) -> DataSplits:
    """47,500 training and 2,500 validation images, and the shared 8,000 test images.

    Args:
        seed: Decides which training images become validation images, 250 of each class.
        image_size: Side to which the images are reduced; None keeps the 32 pixels.
        train_images: Takes only so many training images, drawn by the seed; None takes all.
    """
    image_size = image_size or _SIDE
    (images, labels), test = (
        _reduced(data_file(name), image_size) for name in ("cifar10_train.npz", "cifar10_test.npz")
    )
    train, validation = stratified_split(labels, _VALIDATION_SHARE, seed)
    if train_images is not None:
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
        train = train[order[:train_images]]
    data = TensorImages(images, labels, IMAGENET_MEAN, IMAGENET_STD)
    names = "airplane automobile bird cat deer dog frog horse ship truck"
    return DataSplits(
        name="CIFAR-10",
        train=data.subset(train),
        validation=data.subset(validation),
        test=TensorImages(*test, IMAGENET_MEAN, IMAGENET_STD),
        num_classes=10,
        input_shape=(3, image_size, image_size),
        classes=names.split(),
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        augment=CropFlip(padding=image_size // 8, flip=True),
    )


@cache
def _reduced(path: Path, side: int) -> tuple[Tensor, Tensor]:
    """The images of a file, every pixel the mean of those it stands for, and their labels."""
    images, labels = decode_images(path)
    if side == _SIDE:
        return images, labels
    parts = [F.interpolate(part.float(), side, mode="area") for part in images.split(1000)]
    return torch.cat([part.round().byte() for part in parts]), labels


class CifarResNetA(nn.Module):
    """He et al.'s CIFAR ResNet with parameter-free (option A) shortcuts, 16/32/64 channels.

    Args:
        blocks: Basic blocks a stage: 3, 5, 7, 9 for ResNet-20, 32, 44, 56.
    """

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(16, 16, blocks)
        self.layer2 = _stage(16, 32, blocks)
        self.layer3 = _stage(32, 64, blocks)
        self.linear = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(images)))
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: Tensor = self.linear(x.mean((2, 3)))
        return logits


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.stride = outputs // inputs
        self.extra = outputs - inputs
        self.conv1 = nn.Conv2d(inputs, outputs, 3, self.stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        half = self.extra // 2
        shortcut = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, half))
        out: Tensor = self.relu2(y + shortcut)
        return out


def _stage(inputs: int, outputs: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(
        _Block(inputs, outputs), *(_Block(outputs, outputs) for _ in range(blocks - 1))
    )


def resnet20() -> CifarResNetA:
    """An untrained ResNet-20."""
    return CifarResNetA(3)


def trained_resnet(depth: int) -> CifarResNetA:
    """One of the published trained nets, in eval mode.

    Args:
        depth: 20, 32, 44 or 56.
    """
    model = CifarResNetA((depth - 2) // 6)
    prefix = f"resnet{depth}/"
    with np.load(data_file("cifar10_resnets.npz"), allow_pickle=False) as archive:
        weights = {
            name.removeprefix(prefix): torch.from_numpy(archive[name])
            for name in archive.files
            if name.startswith(prefix)
        }
    counters = {n: b for n, b in model.state_dict().items() if n.endswith("num_batches_tracked")}
    model.load_state_dict(counters | weights)
    return model.eval()


def resnet20_teacher() -> Teacher:
    """The published ResNet-20, 91.83 % on the shared test images."""
    return _teacher(20)


def resnet32_teacher() -> Teacher:
    """The published ResNet-32, 92.66 % on the shared test images."""
    return _teacher(32)


def resnet44_teacher() -> Teacher:
    """The published ResNet-44, 93.05 % on the shared test images."""
    return _teacher(44)


def resnet56_teacher() -> Teacher:
    """The published ResNet-56, 93.44 % on the shared test images."""
    return _teacher(56)


def _teacher(depth: int) -> Teacher:
    return Teacher(
        model=trained_resnet(depth),
        name=f"ResNet-{depth}",
        source=f"benchmarks.cifar10:resnet{depth}_teacher",
        num_classes=10,
        features=["layer1", "layer2", "layer3"],
        head="linear",
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    )
