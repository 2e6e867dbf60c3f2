"""``npz:PATH``: arrays in one NumPy archive, read with ``allow_pickle=False``.

Keys: ``images`` (or ``x``) and ``labels`` (or ``y``), each optionally with ``_train``;
``images_val``/``labels_val`` and ``images_test``/``labels_test`` for the other splits (likewise
``x_val`` ...); ``classes`` for names. Images are ``(N, H, W)``, ``(N, H, W, C)`` or
``(N, C, H, W)`` with 1 or 3 channels, as bytes (0 to 255) or floats in [0, 1].
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nas_kd.data.checks import checked_labels
from nas_kd.data.images import TensorImages
from nas_kd.data.sources.raw import RawSplits, Request
from nas_kd.errors import UsageError
from nas_kd.source_spec import SourceSpec

_SUFFIXES = {
    "train": ("", "_train"),
    "validation": ("_val", "_valid", "_validation"),
    "test": ("_test",),
}
_CHANNELS = (1, 3)


def load_npz(spec: SourceSpec, request: Request) -> RawSplits:
    """The arrays of an archive as images in memory."""
    path = Path(spec.target).expanduser()
    where = f"data npz:{path}"
    arrays = read_arrays(path, where)
    names = _class_names(arrays, where)
    known = None if names is None else len(names)
    parts = {role: _split(arrays, role, where, known) for role in _SUFFIXES}
    train = parts["train"]
    if train is None:
        raise UsageError(
            f"{where}: there are no training arrays among {', '.join(arrays) or '(nothing)'}; "
            f"name them images and labels (or x and y)."
        )
    if names is None:
        highest = max(int(part.labels.max()) for part in parts.values() if part is not None)
        names = [str(number) for number in range(highest + 1)]
    return RawSplits(path.stem, train, parts["validation"], parts["test"], names)


def read_arrays(path: Path, where: str) -> dict[str, np.ndarray]:
    """All arrays of a ``.npz`` file, never unpickling anything.

    Raises:
        UsageError: The file is missing, damaged, not an archive, or holds Python objects.
    """
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise UsageError(f"{where}: this is a single array; save one with numpy.savez.")
        with archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise UsageError(f"{where}: the file does not exist.") from error
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"{where}: cannot be read as plain arrays ({error}). Python objects are never "
            f"unpickled; save arrays of numbers with numpy.savez."
        ) from error


def _split(
    arrays: Mapping[str, np.ndarray], role: str, where: str, classes: int | None
) -> TensorImages | None:
    for suffix in _SUFFIXES[role]:
        for image_key, label_key in (("images", "labels"), ("x", "y")):
            images, labels = arrays.get(image_key + suffix), arrays.get(label_key + suffix)
            if images is None and labels is None:
                continue
            place = f"{where}, {image_key}{suffix}"
            if images is None or labels is None:
                raise UsageError(
                    f"{place}: {image_key}{suffix} and {label_key}{suffix} go together."
                )
            numbers = checked_labels(labels, place, classes)
            if len(images) != len(numbers):
                raise UsageError(
                    f"{place}: {len(images)} images and {len(numbers)} labels; give one each."
                )
            return TensorImages(_checked_images(images, place), numbers)
    return None


def _checked_images(array: np.ndarray, where: str) -> Tensor:
    images = _channels_first(array, where)
    if images.dtype.kind == "f":
        if not np.isfinite(images).all():
            bad = int((~np.isfinite(images)).any(axis=(1, 2, 3)).sum())
            raise UsageError(f"{where}: {bad} images hold NaN or infinite values; remove them.")
        low, high = float(images.min()), float(images.max())
        if low < 0 or high > 1:
            raise UsageError(
                f"{where}: floats run from {low:g} to {high:g}; scale them to [0, 1], or store "
                f"bytes. Normalisation is set apart, with mean and std."
            )
        return torch.from_numpy(images.astype(np.float32))
    if images.dtype.kind not in "iu" or images.min() < 0 or images.max() > 255:
        raise UsageError(f"{where}: images are {images.dtype}; give bytes or floats in [0, 1].")
    return torch.from_numpy(images.astype(np.uint8))


def _channels_first(array: np.ndarray, where: str) -> np.ndarray:
    shape = array.shape
    if array.size == 0:
        raise UsageError(f"{where}: the array of shape {shape} is empty.")
    if array.ndim == 3:
        return np.ascontiguousarray(array[:, None])
    first = array.ndim == 4 and shape[1] in _CHANNELS
    last = array.ndim == 4 and shape[3] in _CHANNELS
    if first and last and shape[1] != shape[2]:
        last = False
    elif first and last and shape[2] != shape[3]:
        first = False
    if first == last:
        raise UsageError(
            f"{where}: images have shape {shape}; give (N, H, W), (N, H, W, C) or (N, C, H, W) "
            f"with 1 or 3 channels."
        )
    return np.ascontiguousarray(array if first else array.transpose(0, 3, 1, 2))


def _class_names(arrays: Mapping[str, np.ndarray], where: str) -> list[str] | None:
    names = arrays.get("classes")
    if names is None:
        return None
    if names.ndim != 1:
        raise UsageError(f"{where}: classes has shape {names.shape}; give one name per class.")
    return [str(name) for name in names]
