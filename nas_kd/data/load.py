"""Data by specification: where it comes from, how it is split, normalised and augmented."""

from __future__ import annotations

from dataclasses import replace

import torch

from nas_kd.data.augment import CropFlip, SmallAffine
from nas_kd.data.checks import check_splits, require_every_class
from nas_kd.data.images import (
    Images,
    TensorImages,
    channel_statistics,
    with_channels,
)
from nas_kd.data.lazy import fit
from nas_kd.data.sources.digits import load_digits
from nas_kd.data.sources.folder import load_folder
from nas_kd.data.sources.hf_datasets import load_hf_datasets
from nas_kd.data.sources.npz import load_npz
from nas_kd.data.sources.raw import RawSplits, Request, Source
from nas_kd.data.sources.torchvision_sets import load_torchvision
from nas_kd.data.splits import DataSplits
from nas_kd.data.splitting import stratified_split
from nas_kd.data.text_by_mistake import is_text, refuse_text
from nas_kd.errors import UsageError
from nas_kd.import_path import call_factory, require_module
from nas_kd.registry import unknown_name
from nas_kd.source_spec import SourceSpec

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

SOURCES: dict[str, tuple[Source, tuple[str, ...]]] = {
    "digits": (load_digits, ("channels",)),
    "folder": (load_folder, ("channels", "classes", "labels")),
    "npz": (load_npz, ("channels",)),
    "torchvision": (load_torchvision, ("channels", "download")),
    "hfds": (load_hf_datasets, ("channels", "image", "label", "config")),
}
"""Kind of source to its function and the options that may follow ``?``."""


def names_code(source: str) -> bool:
    """Whether a specification of data is code that would be imported and called."""
    spec = SourceSpec.parse(source)
    return spec.kind not in SOURCES and spec.is_import_path and not is_text(spec)


def parse_data(source: str) -> SourceSpec:
    """Reads a specification of data, without looking whether they are there.

    Raises:
        UsageError: Its kind, an option or the package of a factory is unknown, it names text, or
            it does not say where the data lie.
    """
    spec = SourceSpec.parse(source)
    refuse_text(spec)
    if spec.kind in SOURCES:
        spec.require_options(SOURCES[spec.kind][1])
        if not spec.target and spec.kind != "digits":
            raise UsageError(f"data {spec.text}: say where it lies, as in {spec.kind}:PATH.")
    elif not spec.is_import_path:
        raise UsageError(
            f"{unknown_name('data', spec.kind, list(SOURCES))} "
            f"Your own data: package.module:factory."
        )
    else:
        require_module(source, "data")
    return spec


def load_data(
    source: str,
    *,
    seed: int = 0,
    image_size: int | None = None,
    validation_share: float = 0.2,
    download: bool = False,
    labelled: bool = True,
) -> DataSplits:
    """Loads data.

    Args:
        source: ``digits``, ``folder:PATH``, ``npz:PATH``, ``torchvision:NAME@ROOT``,
            ``hfds:NAME_OR_FOLDER`` or ``package.module:factory``. Options follow as
            ``?name=value&name=value``; ``channels=1`` and ``channels=3`` convert to grey and RGB.
            A factory returns `DataSplits` and may ask for ``seed``, ``image_size``,
            ``validation_share`` and ``download`` by name; its options are arguments of its own.
        seed: Decides which training images become validation images.
        image_size: Height and width to which images are fitted; by default they keep their size.
        validation_share: Share of the training images that is cut out for validation
            where the source has no validation split.
        download: Whether torchvision may download.
        labelled: Whether labels are needed; ``folder:PATH?labels=false`` has none.

    Returns:
        The splits. Those of a factory are as it made them; the others are normalised per channel by
        the training images' mean and standard deviation where these are in memory, else by
        ImageNet's (RGB) or by 0.5 (grey). Photographs are augmented by crops, padded by an eighth
        of the side, and mirror images, signs (digits, letters, traffic signs) by slight turns,
        scales and shifts.

    Raises:
        UsageError: The source does not exist, or what it holds cannot be used.
        NasKdError: A download failed because the network cannot be reached.
    """
    spec = parse_data(source)
    if image_size is not None and image_size < 1:
        raise UsageError(f"data: image_size is {image_size}; give a positive number of pixels.")
    request = Request(image_size, None, download, seed, validation_share)
    splits = _from_source(spec, request) if spec.kind in SOURCES else _from_factory(spec, request)
    check_splits(splits)
    if labelled and not splits.num_classes:
        raise UsageError(
            f"data {splits.name}: these images have no labels, which are needed here. Name "
            "labelled ones."
        )
    return splits


def _from_source(spec: SourceSpec, request: Request) -> DataSplits:
    function, _ = SOURCES[spec.kind]
    download = spec.flag("download", request.download)
    request = replace(request, channels=_channels(spec), download=download)
    raw = function(spec, request)
    train, validation = _split(raw, request)
    require_every_class(train.labels, len(raw.classes), f"data {raw.name}", raw.classes)
    train, validation = _converted(train, request), _converted(validation, request)
    test = None if raw.test is None else _converted(raw.test, request)
    mean, std = _statistics(train)
    channels, height, width = train[0][0].shape
    return DataSplits(
        name=raw.name,
        train=train.normalised(mean, std),
        validation=validation.normalised(mean, std),
        test=None if test is None else test.normalised(mean, std),
        num_classes=len(raw.classes),
        input_shape=(channels, height, width),
        classes=list(raw.classes),
        mean=mean,
        std=std,
        augment=CropFlip(padding=width // 8) if raw.mirrored else SmallAffine(),
    )


def _from_factory(spec: SourceSpec, request: Request) -> DataSplits:
    splits = call_factory(
        f"{spec.kind}:{spec.target}",
        role="data",
        seed=request.seed,
        image_size=request.image_size,
        validation_share=request.validation_share,
        download=request.download,
        options=spec.options,
    )
    if not isinstance(splits, DataSplits):
        raise UsageError(
            f"data: {spec.text} returned {type(splits).__name__}; return nas_kd.data.DataSplits."
        )
    if request.image_size not in (None, splits.input_shape[-1]):
        raise UsageError(
            f"data: {spec.text} gives images of {splits.input_shape[-1]} pixels although "
            f"image_size is {request.image_size}; let the factory take image_size, or leave it out."
        )
    return splits


def _channels(spec: SourceSpec) -> int | None:
    channels = spec.integer("channels")
    if channels not in (None, 1, 3):
        raise UsageError(f"{spec.text}: channels is {channels}; give 1 (grey) or 3 (RGB).")
    return channels


def _split(raw: RawSplits, request: Request) -> tuple[Images, Images]:
    if raw.validation is not None:
        return raw.train, raw.validation
    where = f"data {raw.name}"
    first, second = stratified_split(
        raw.train.labels, request.validation_share, request.seed, where, raw.classes or None
    )
    return raw.train.subset(first), raw.train.subset(second)


def _converted(images: Images, request: Request) -> Images:
    """Images in memory with the channels and size asked for; lazy ones have them already."""
    if not isinstance(images, TensorImages):
        return images
    pixels = with_channels(images.images, request.channels)
    if request.image_size is not None:
        pixels = torch.cat([fit(part, request.image_size) for part in pixels.split(4096)])
    return TensorImages(pixels, images.labels)


def _statistics(train: Images) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if isinstance(train, TensorImages):
        return channel_statistics(train.images)
    if train[0][0].shape[0] == 3:
        return IMAGENET_MEAN, IMAGENET_STD
    return (0.5,), (0.5,)
