"""What a source of images is asked for and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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


def lazy_images(
    fetch: Callable[[int], Image.Image], labels: Tensor, request: Request, where: str
) -> Images:
    """Images behind ``fetch``, of the size and channels asked for or else of those they share.

    Raises:
        UsageError: The images differ in size or are not square, and no size is asked for.
    """
    step = max(1, len(labels) // _SAMPLED)
    sampled = [fetch(index) for index in range(0, len(labels), step)]
    size = request.image_size or _common_size([image.size for image in sampled], where)
    grey = all(image.mode in ("1", "L", "I;16", "I;16B", "I;16L") for image in sampled)
    return LazyImages(fetch, labels, size, request.channels or (1 if grey else 3)).kept()


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
