"""Where batches come from: labelled images of one task, split, normalised and augmented."""

from __future__ import annotations

from nas_kd.data.augment import Augment, CropFlip, PerImage, SmallAffine
from nas_kd.data.images import Images, TensorImages, channel_statistics
from nas_kd.data.lazy import LazyImages
from nas_kd.data.load import IMAGENET_MEAN, IMAGENET_STD, load_data
from nas_kd.data.splits import DataSplits
from nas_kd.data.splitting import stratified_split
from nas_kd.data.wrapped import WrappedImages

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "Augment",
    "CropFlip",
    "DataSplits",
    "Images",
    "LazyImages",
    "PerImage",
    "SmallAffine",
    "TensorImages",
    "WrappedImages",
    "channel_statistics",
    "load_data",
    "stratified_split",
]
