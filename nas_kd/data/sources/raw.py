"""What a source of images is asked for and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from PIL import Image
from torch import Tensor

from nas_kd.data.images import Images
from nas_kd.data.lazy import LazyImages
from nas_kd.errors import UsageError
from nas_kd.source_spec import SourceSpec

_SAMPLED = 64


@dataclass(frozen=True)
class Request:
    """Options that hold for every source.

    Attributes:
        image_size: Height and width of the images, or None to keep the size that they have.
        channels: 1 or 3 to convert to grey or RGB, or None to keep what is there.
        download: Whether the source may fetch what is missing.
        seed: Decides which training images become validation images.
        validation_share: Share that is cut out for validation where the source has none.
    """

    image_size: int | None
    channels: int | None
    download: bool
    seed: int
    validation_share: float


@dataclass(frozen=True)
class RawSplits:
    """Images as they are found: values in [0, 1], not normalised, perhaps not yet split.

    Attributes:
        name: Short name for reports.
        train: Training images.
        validation: Validation images, or None to cut them out of ``train``.
        test: Test images, or None where there are none.
        classes: Names of the classes by number.
        mirrored: Whether a mirror image shows the same class, as for photographs.
    """

    name: str
    train: Images
    validation: Images | None
    test: Images | None
    classes: Sequence[str]
    mirrored: bool = True


Source = Callable[[SourceSpec, Request], RawSplits]


def like(first: Images, request: Request) -> Request:
    """The request for further splits: in the channels of the first."""
    return replace(request, channels=int(first.pixels([0]).shape[1]))


def lazy_images(
    fetch: Callable[[int], Image.Image], labels: Tensor, request: Request, where: str
) -> Images:
    """Images behind ``fetch``, of the size and channels asked for or else of those they share.

    Raises:
        UsageError: The images differ in size or are not square, and no size is asked for; or some
            of many grey ones have colours, and no channels are.
    """
    step = max(1, len(labels) // _SAMPLED)
    sampled = [fetch(index) for index in range(0, len(labels), step)]
    size = request.image_size or _common_size([image.size for image in sampled], where)
    channels = request.channels or (1 if all(map(_is_grey, sampled)) else 3)
    only = _Alike(
        fetch,
        where,
        size=None if request.image_size else size,
        grey=request.channels is None and channels == 1,
    )
    return LazyImages(only, labels, size, channels).kept()


@dataclass(frozen=True)
class _Alike:
    """Opens images, and refuses one that is not as the sampled ones are.

    Attributes:
        fetch: Opens image ``i``.
        where: What they are, for messages.
        size: Height and width that all have, or None where they may differ.
        grey: Whether all are grey.
    """

    fetch: Callable[[int], Image.Image]
    where: str
    size: int | None
    grey: bool

    def __call__(self, index: int) -> Image.Image:
        image = self.fetch(index)
        if self.size is not None and image.size != (self.size, self.size):
            width, height = image.size
            raise UsageError(
                f"{self.where}: {_name(image, index)} is {height} x {width}, and others are "
                f"{self.size} x {self.size}; set image_size (--image-size)."
            )
        if self.grey and not _is_grey(image):
            raise UsageError(
                f"{self.where}: {_name(image, index)} has colours, and others are grey. Put "
                "?channels=3 after the name of the data to keep the colours, or ?channels=1."
            )
        return image


def _is_grey(image: Image.Image) -> bool:
    return image.mode in ("1", "L", "I;16", "I;16B", "I;16L")


def _name(image: Image.Image, index: int) -> str:
    return str(getattr(image, "filename", "")) or f"image {index}"


def _common_size(sizes: Sequence[tuple[int, int]], where: str) -> int:
    distinct = sorted(set(sizes))
    if len(distinct) > 1:
        raise UsageError(
            f"{where}: images have different sizes, such as {distinct[0]} and {distinct[-1]}; "
            f"set image_size (--image-size) to the size that the teacher takes."
        )
    width, height = distinct[0]
    if width != height:
        raise UsageError(
            f"{where}: images are {height} x {width}; set image_size (--image-size) to make "
            f"them square."
        )
    return width
