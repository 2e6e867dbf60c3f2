"""What a user's own module may hold."""

from __future__ import annotations

from dataclasses import replace

import torch

from nas_kd.data import DataSplits, TensorImages

NUMBER = 3


def make(seed: int, image_size: int | None = None, fill: float = 0.5, label: int = 1) -> DataSplits:
    size = image_size or 4
    images = torch.full((10, 1, size, size), fill)
    labels = torch.tensor([0, label] * 5)
    part = TensorImages(images, labels, (0.0,), (1.0,))
    return DataSplits(
        name=f"own {seed}",
        train=part,
        validation=part,
        test=None,
        num_classes=2,
        input_shape=(1, size, size),
        classes=["no", "yes"],
        mean=(0.0,),
        std=(1.0,),
    )


def fixed_size() -> DataSplits:
    return make(0)


def of_any_options(path: str, **others: object) -> DataSplits:
    return replace(make(0), name=f"{path} {others}")


def nothing() -> None:
    return None


def demanding(password: str) -> DataSplits:
    raise AssertionError(password)


def failing() -> DataSplits:
    raise RuntimeError("the disk is elsewhere")
