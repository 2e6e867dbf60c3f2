"""Images that are decoded when they are read, and fitted to one size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from nas_kd.data.images import Images, TensorImages
from nas_kd.errors import UsageError

IN_MEMORY_BYTES = 2**29
"""Sets of images that take no more than this as uint8 are decoded once and kept in memory."""

MODES = {1: "L", 3: "RGB"}
"""Channels to the mode of Pillow's."""


class LazyImages(Images):
    """Images behind a function, decoded on every access.

    Args:
        fetch: Opens image ``i`` as a Pillow image. To be used in worker processes it must pickle.
        labels: ``(N,)`` class numbers.
        size: Height and width to which every image is fitted, see `fit`.
        channels: 1 (grey) or 3 (RGB); images are converted.
        mean: See `Images`.
        std: See `Images`.
        indices: Which images of ``fetch`` these are, ``(N,)``; all in order by default.
    """

    def __init__(
        self,
        fetch: Callable[[int], Image.Image],
        labels: Tensor,
        size: int,
        channels: int,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        indices: Tensor | None = None,
    ) -> None:
        super().__init__(labels, mean, std)
        self.fetch = fetch
        self.size = size
        self.channels = channels
        self.indices = torch.arange(len(labels)) if indices is None else indices

    def read(self, index: int) -> Tensor:
        """Image ``index`` as uint8 ``(C, size, size)``."""
        image = self.fetch(int(self.indices[index]))
        return fit(_to_tensor(image, self.channels), self.size)

    def pixels(self, indices: Sequence[int] | Tensor) -> Tensor:
        images = torch.stack([self.read(int(index)) for index in indices])
        return images.to(torch.float32).div_(255)

    def subset(self, indices: Sequence[int] | Tensor) -> LazyImages:
        chosen = torch.as_tensor(indices, dtype=torch.int64)
        return LazyImages(
            self.fetch,
            self.labels[chosen],
            self.size,
            self.channels,
            self.mean,
            self.std,
            self.indices[chosen],
        )

    def normalised(self, mean: Sequence[float] | None, std: Sequence[float] | None) -> LazyImages:
        return LazyImages(
            self.fetch, self.labels, self.size, self.channels, mean, std, self.indices
        )

    def decoded(self) -> TensorImages:
        """The same images, decoded once into memory."""
        images = torch.empty((len(self), self.channels, self.size, self.size), dtype=torch.uint8)
        for index in range(len(self)):
            images[index] = self.read(index)
        return TensorImages(images, self.labels, self.mean, self.std)

    def kept(self) -> Images:
        """Decoded where that fits in `IN_MEMORY_BYTES`, else as it is."""
        size_in_bytes = len(self) * self.channels * self.size**2
        return self.decoded() if size_in_bytes <= IN_MEMORY_BYTES else self


def fit(images: Tensor, size: int) -> Tensor:
    """Fits ``(..., C, H, W)`` to ``size``: shorter side scaled (bilinear), centre cut out."""
    height, width = images.shape[-2:]
    if (height, width) == (size, size):
        return images
    if min(height, width) != size:
        images = transforms.resize(images, [size], antialias=True)
    cut: Tensor = transforms.center_crop(images, [size, size])
    return cut


def open_image(path: str) -> Image.Image:
    """Opens and decodes an image file.

    Raises:
        UsageError: The file is not an image, is cut off, or would decode to a huge picture.
    """
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UsageError(
            f"data: {path} cannot be read as an image ({error}). Mend or remove the file."
        ) from error


def _to_tensor(image: Image.Image, channels: int) -> Tensor:
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise UsageError(
            f"data: an image is in Pillow's mode {image.mode!r}, whose range is not known; "
            f"save it with 8 or 16 bits, or bring the images as npz."
        )
    array = np.array(image.convert(MODES[channels]), dtype=np.uint8)
    if channels == 1:
        return torch.from_numpy(array)[None]
    return torch.from_numpy(array).permute(2, 0, 1).contiguous()
