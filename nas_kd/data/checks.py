"""Checks of images and labels that come from outside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from nas_kd.data.images import Images
from nas_kd.data.splits import DataSplits
from nas_kd.errors import UsageError

_ALIKE = (
    "Give all splits images of one size and the same channels, or name both: --image-size and, "
    "after the data's name, ?channels=1 or 3."
)


def checked_labels(values: np.ndarray, where: str, classes: int | None = None) -> Tensor:
    """Labels ``(N,)`` as int64.

    Args:
        values: Whole numbers, shape ``(N,)`` or ``(N, 1)``.
        where: What the labels belong to, for messages.
        classes: Number of classes where it is known.

    Raises:
        UsageError: The labels are not whole numbers, not one per image, or out of range.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise UsageError(f"{where}: labels have shape {values.shape}; give one number per image.")
    whole = values.dtype.kind in "iu" or (
        values.dtype.kind == "f" and bool(np.all(np.isfinite(values) & (values == np.rint(values))))
    )
    if not whole:
        raise UsageError(f"{where}: labels are {values.dtype}; give whole class numbers from 0.")
    labels = torch.from_numpy(values.astype(np.int64))
    if len(labels) == 0:
        raise UsageError(f"{where}: there are no images.")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or (classes is not None and high >= classes):
        allowed = "0 or more" if classes is None else f"0 to {classes - 1}"
        raise UsageError(f"{where}: labels run from {low} to {high}; they must be {allowed}.")
    return labels


def require_every_class(labels: Tensor, classes: int, where: str, names: Sequence[str]) -> None:
    """Raises `UsageError` when a class has no image at all."""
    missing = (torch.bincount(labels, minlength=classes) == 0).nonzero().flatten().tolist()
    if missing:
        shown = ", ".join(names[index] for index in missing[:5])
        raise UsageError(
            f"{where}: {len(missing)} of {classes} classes have no training image ({shown}"
            f"{', ...' if len(missing) > 5 else ''}). Number the labels without gaps from 0."
        )


def check_splits(splits: DataSplits) -> None:
    """Compares the first image and the labels of each split with the facts.

    Raises:
        UsageError: A split is empty, or its images or labels do not fit.
    """
    for role in ("train", "validation", "test"):
        images = getattr(splits, role)
        if images is not None:
            _check_split(splits, images, f"data {splits.name}, {role}")


def _check_split(splits: DataSplits, images: Images, where: str) -> None:
    checked_labels(images.labels.numpy(), where, splits.num_classes or 1)
    shape = tuple(splits.input_shape)
    try:
        image, _ = images[0]
    except RuntimeError as error:  # such as a mean and a deviation of other channels
        raise UsageError(
            f"{where}: image 0 cannot be read as one of shape {shape} ({error}). {_ALIKE}"
        ) from error
    if tuple(image.shape) != shape:
        raise UsageError(f"{where}: image 0 has shape {tuple(image.shape)}, not {shape}. {_ALIKE}")
    if not bool(torch.isfinite(image).all()):
        raise UsageError(f"{where}: image 0 holds NaN or infinite values.")
