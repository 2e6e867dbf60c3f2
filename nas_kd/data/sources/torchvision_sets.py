"""``torchvision:NAME@ROOT``: a classification set of torchvision, e.g. ``CIFAR10@~/data``.

Nothing is downloaded unless asked for. torchvision checks the files of its pickled sets against
known hashes before it opens them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from nas_kd.data.checks import checked_labels
from nas_kd.data.images import Images
from nas_kd.data.sources.raw import RawSplits, Request, lazy_images, like
from nas_kd.errors import UsageError
from nas_kd.network import is_network_failure, unreachable
from nas_kd.registry import unknown_name
from nas_kd.source_spec import SourceSpec

_BY_TRAIN_FLAG = ("CIFAR10", "CIFAR100", "FashionMNIST", "KMNIST", "MNIST", "USPS")
_BY_SPLIT_NAME: dict[str, tuple[str, str | None, str | None]] = {
    "Country211": ("train", "valid", "test"),
    "DTD": ("train", "val", "test"),
    "FGVCAircraft": ("train", "val", "test"),
    "Flowers102": ("train", "val", "test"),
    "Food101": ("train", None, "test"),
    "GTSRB": ("train", None, "test"),
    "Imagenette": ("train", None, "val"),
    "OxfordIIITPet": ("trainval", None, "test"),
    "RenderedSST2": ("train", "val", "test"),
    "STL10": ("train", None, "test"),
    "SVHN": ("train", None, "test"),
}
_NOT_MIRRORED = ("GTSRB", "KMNIST", "MNIST", "RenderedSST2", "SVHN", "USPS")


@dataclass(frozen=True)
class _Pictures:
    dataset: Any

    def __call__(self, index: int) -> Image.Image:
        image = self.dataset[index][0]
        if not isinstance(image, Image.Image):
            raise UsageError(f"data: torchvision gave {type(image).__name__}, not an image.")
        return image


def load_torchvision(spec: SourceSpec, request: Request) -> RawSplits:
    """A set of torchvision in its official splits; its public test part is the test split."""
    name, _, root = spec.target.partition("@")
    known = sorted([*_BY_TRAIN_FLAG, *_BY_SPLIT_NAME])
    if name not in known:
        raise UsageError(unknown_name("data torchvision", name, known))
    if not root:
        raise UsageError(f"data torchvision:{name}: say where it lies: torchvision:{name}@FOLDER.")
    folder = Path(root).expanduser()
    train, validation, test = (
        None if options is None else _open(name, folder, options, request.download)
        for options in _split_options(name)
    )
    classes = _class_names(train, [part for part in (train, validation, test) if part is not None])
    where = f"data {spec.text}"
    first = _images(train, request, where)
    if first is None:
        raise UsageError(f"{where}: there is no training part.")
    held_out, tested = (_images(part, like(first, request), where) for part in (validation, test))
    return RawSplits(name, first, held_out, tested, classes, name not in _NOT_MIRRORED)


def _split_options(name: str) -> list[dict[str, Any] | None]:
    if name in _BY_TRAIN_FLAG:
        return [{"train": True}, None, {"train": False}]
    return [None if split is None else {"split": split} for split in _BY_SPLIT_NAME[name]]


def _open(name: str, root: Path, options: dict[str, Any], download: bool) -> Any:
    from torchvision import datasets

    try:
        return getattr(datasets, name)(root=str(root), download=download, **options)
    except Exception as error:
        if is_network_failure(error):
            raise unreachable(
                f"data torchvision:{name}", instead=f"copy the files to {root}"
            ) from error
        raise UsageError(
            f"data torchvision:{name}: not found or damaged in {root} ({error}). Copy the files "
            f"there, or allow the download with [data] download = true."
        ) from error


def _images(dataset: Any, request: Request, where: str) -> Images | None:
    if dataset is None:
        return None
    return lazy_images(_Pictures(dataset), _labels(dataset, where), request, where)


def _labels(dataset: Any, where: str) -> Tensor:
    for attribute in ("targets", "labels", "_labels"):
        labels = getattr(dataset, attribute, None)
        if labels is not None:
            return checked_labels(np.asarray(labels), where)
    return torch.tensor([int(dataset[index][1]) for index in range(len(dataset))])


def _class_names(train: Any, parts: Sequence[Any]) -> list[str]:
    names = getattr(train, "classes", None)
    if names is not None:
        return [name if isinstance(name, str) else ", ".join(map(str, name)) for name in names]
    highest = max(int(_labels(part, "data torchvision").max()) for part in parts)
    return [str(number) for number in range(highest + 1)]
