"""Labelled images that are normalised when they are read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor
from torch.utils.data import Dataset

from nas_kd.errors import UsageError


class Images(Dataset[tuple[Tensor, int]], ABC):
    """A data set of ``(image, label)``; images are float tensors ``(C, H, W)``, normalised.

    A whole batch is read in one operation: ``DataLoader`` finds `__getitems__` by itself, and
    `batch` returns it already stacked.

    Attributes:
        labels: Class numbers, shape ``(N,)``, int64.
        mean: Per-channel mean that is subtracted, of values in [0, 1]; None leaves [0, 1] as is.
        std: Per-channel standard deviation that the difference is divided by.
    """

    def __init__(
        self,
        labels: Tensor,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> None:
        self.labels = labels.to(torch.int64)
        self.mean = None if mean is None else tuple(mean)
        self.std = None if std is None else tuple(std)

    @abstractmethod
    def pixels(self, indices: Sequence[int] | Tensor) -> Tensor:
        """The images as they are: float ``(B, C, H, W)`` with values in [0, 1]."""

    @abstractmethod
    def subset(self, indices: Sequence[int] | Tensor) -> Self:
        """The images at ``indices``, in that order."""

    @abstractmethod
    def normalised(self, mean: Sequence[float] | None, std: Sequence[float] | None) -> Self:
        """The same images under another normalisation."""

    def batch(self, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        """Images ``(B, C, H, W)``, normalised, and labels ``(B,)``."""
        images = self.pixels(indices)
        if self.mean is not None and self.std is not None:
            channels = images.shape[1]
            images = images.sub_(torch.tensor(self.mean).view(1, channels, 1, 1))
            images = images.div_(torch.tensor(self.std).view(1, channels, 1, 1))
        return images, self.labels[torch.as_tensor(indices)]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        images, labels = self.batch([index % len(self)])
        return images[0], int(labels[0])

    def __getitems__(self, indices: list[int]) -> list[tuple[Tensor, int]]:
        images, labels = self.batch(indices)
        return list(zip(images.unbind(), labels.tolist(), strict=True))


class TensorImages(Images):
    """Images kept in memory, as uint8 wherever they come as bytes.

    Args:
        images: ``(N, C, H, W)``, uint8 or float with values in [0, 1].
        labels: ``(N,)`` class numbers.
        mean: See `Images`.
        std: See `Images`.

    Raises:
        UsageError: The shapes do not fit.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> None:
        if images.ndim != 4 or labels.shape != images.shape[:1]:
            raise UsageError(
                f"data: images have shape {tuple(images.shape)} and labels {tuple(labels.shape)}; "
                f"give (N, C, H, W) and (N,)."
            )
        super().__init__(labels, mean, std)
        self.images = images

    def pixels(self, indices: Sequence[int] | Tensor) -> Tensor:
        chosen = self.images[torch.as_tensor(indices)]
        if chosen.dtype == torch.uint8:
            return chosen.to(torch.float32).div_(255)
        return chosen.to(torch.float32)

    def subset(self, indices: Sequence[int] | Tensor) -> TensorImages:
        chosen = torch.as_tensor(indices, dtype=torch.int64)
        return TensorImages(self.images[chosen], self.labels[chosen], self.mean, self.std)

    def normalised(self, mean: Sequence[float] | None, std: Sequence[float] | None) -> TensorImages:
        return TensorImages(self.images, self.labels, mean, std)


def channel_statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Per-channel mean and standard deviation of ``(N, C, H, W)``, in units of [0, 1].

    A channel without any variation gets a standard deviation of 1.
    """
    count = images.numel() // images.shape[1]
    total = torch.zeros(images.shape[1], dtype=torch.float64)
    squares = torch.zeros_like(total)
    for part in images.split(1024):
        values = part.to(torch.float64)
        total += values.sum(dim=(0, 2, 3))
        squares += values.square().sum(dim=(0, 2, 3))
    scale = 255 if images.dtype == torch.uint8 else 1
    mean = total / count
    std = (squares / count - mean.square()).clamp(min=0).sqrt()
    std = torch.where(std / scale < 1e-6, torch.full_like(std, scale), std)
    return tuple((mean / scale).tolist()), tuple((std / scale).tolist())


def with_channels(images: Tensor, channels: int | None) -> Tensor:
    """``(N, C, H, W)`` as grey (1, by ITU-R 601) or RGB (3); None changes nothing."""
    if channels is None or images.shape[1] == channels:
        return images
    if channels == 3:
        return images.expand(-1, 3, -1, -1).contiguous()
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    grey = torch.cat([(part * weights).sum(1, keepdim=True) for part in images.split(4096)])
    return grey.round().to(images.dtype) if images.dtype == torch.uint8 else grey
