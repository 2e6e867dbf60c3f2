"""Any data set of the user's own as `Images`."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import cast

import torch
from torch import Tensor
from torch.utils.data import Dataset

from nas_kd.data.images import Images
from nas_kd.errors import UsageError


class WrappedImages(Images):
    """A data set whose items are normalised already.

    Args:
        dataset: Has a length; its items are ``(image, label)`` with images ``(C, H, W)``, float,
            normalised by ``mean`` and ``std``. Its ``labels`` or ``targets`` are taken as labels
            where it has them and no ``target_transform``, else every item is read once.
        mean: What has been subtracted from its images, per channel.
        std: What they have been divided by.
        indices: Which items these are, ``(N,)``; all by default.
    """

    def __init__(
        self,
        dataset: Dataset[tuple[Tensor, int]],
        mean: Sequence[float],
        std: Sequence[float],
        indices: Tensor | None = None,
    ) -> None:
        labels = _labels_of(dataset)
        self.dataset = dataset
        self.own_mean, self.own_std = tuple(mean), tuple(std)
        self.indices = torch.arange(len(labels)) if indices is None else indices
        super().__init__(labels[self.indices], mean, std)

    def pixels(self, indices: Sequence[int] | Tensor) -> Tensor:
        return _affine(self._items(indices), self.own_std, self.own_mean)

    def batch(self, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        labels = self.labels[torch.as_tensor(indices)]
        images = self._items(indices)
        if self.mean is None or self.std is None:
            return _affine(images, self.own_std, self.own_mean), labels
        if (self.mean, self.std) == (self.own_mean, self.own_std):
            return images, labels
        pairs = list(zip(self.own_mean, self.own_std, self.mean, self.std, strict=True))
        scale = [own_std / std for _, own_std, _, std in pairs]
        shift = [(own_mean - mean) / std for own_mean, _, mean, std in pairs]
        return _affine(images, scale, shift), labels

    def subset(self, indices: Sequence[int] | Tensor) -> WrappedImages:
        chosen = torch.as_tensor(indices, dtype=torch.int64)
        other = copy(self)
        other.indices, other.labels = self.indices[chosen], self.labels[chosen]
        return other

    def normalised(
        self, mean: Sequence[float] | None, std: Sequence[float] | None
    ) -> WrappedImages:
        other = copy(self)
        other.mean = None if mean is None else tuple(mean)
        other.std = None if std is None else tuple(std)
        return other

    def _items(self, indices: Sequence[int] | Tensor) -> Tensor:
        chosen = self.indices[torch.as_tensor(indices)]
        images = [self.dataset[int(index)][0] for index in chosen]
        for image in images:
            if not isinstance(image, Tensor) or not image.is_floating_point():
                kind = image.dtype if isinstance(image, Tensor) else type(image).__name__
                raise UsageError(
                    f"data: an image is {kind}; give normalised float tensors (C, H, W)."
                )
        return torch.stack(images)


def _labels_of(dataset: Dataset[tuple[Tensor, int]]) -> Tensor:
    try:
        size = len(cast("Sequence[object]", dataset))
    except TypeError as error:
        raise UsageError(
            f"data: {type(dataset).__name__} has no length; give a data set with __len__ and "
            f"__getitem__."
        ) from error
    transformed = getattr(dataset, "target_transform", None) is not None
    for attribute in () if transformed else ("labels", "targets"):
        labels = getattr(dataset, attribute, None)
        if labels is not None and len(labels) == size:
            return torch.as_tensor(labels, dtype=torch.int64)
    try:
        return torch.tensor([int(dataset[index][1]) for index in range(size)], dtype=torch.int64)
    except (TypeError, ValueError, IndexError) as error:
        raise UsageError(f"data: items are not (image, label) pairs ({error}).") from error


def _affine(images: Tensor, scale: Sequence[float], shift: Sequence[float]) -> Tensor:
    channels = images.shape[1]
    return images * torch.tensor(scale).view(1, channels, 1, 1) + torch.tensor(shift).view(
        1, channels, 1, 1
    )
