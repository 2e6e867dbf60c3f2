"""Real CIFAR-100 of the shared data, 150 training images of each class, and a teacher for it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.cifar10 import CifarResNetA, data_file, decode_images
from nas_kd.data import IMAGENET_MEAN, IMAGENET_STD, DataSplits, TensorImages, stratified_split
from nas_kd.teachers import Teacher

_VALIDATION_SHARE = 0.1
_SIDE = 32
_CLASSES = 100


def cifar100_data(seed: int = 0, image_size: int = _SIDE) -> DataSplits:
    """13,500 training and 1,500 validation images, without a test set.

    Args:
        seed: Decides which images become validation images, 15 of each class.
        image_size: Side to which the images are enlarged.
    """
    path = data_file("cifar100_train15k.npz")
    images, labels = decode_images(path)
    with np.load(path, allow_pickle=False) as archive:
        classes = [str(name) for name in archive["classes"]]
    if image_size != _SIDE:
        images = torch.cat([_enlarged(part, image_size) for part in images.split(500)])
    train, validation = stratified_split(labels, _VALIDATION_SHARE, seed)
    data = TensorImages(images, labels, IMAGENET_MEAN, IMAGENET_STD)
    return DataSplits(
        name="CIFAR-100",
        train=data.subset(train),
        validation=data.subset(validation),
        test=None,
        num_classes=len(classes),
        input_shape=(3, image_size, image_size),
        classes=classes,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    )


def untrained_resnet56_teacher() -> Teacher:
    """ResNet-56 for 100 classes: for proxies that draw the teacher's weights anew."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = CifarResNetA(9)
        model.linear = nn.Linear(model.linear.in_features, _CLASSES)
    return Teacher(
        model=model.eval(),
        name="ResNet-56, untrained",
        source="benchmarks.cifar100:untrained_resnet56_teacher",
        num_classes=_CLASSES,
        features=["layer1", "layer2", "layer3"],
        head="linear",
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    )


def _enlarged(images: Tensor, side: int) -> Tensor:
    return F.interpolate(images.float(), side, mode="bicubic").round().clamp(0, 255).byte()
