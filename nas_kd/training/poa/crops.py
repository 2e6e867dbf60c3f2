"""Multi-crop: random global and local views of a batch, each image with draws of its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from nas_kd.training.elastic.random_crops import Draws, random_crop
from nas_kd.training.poa import colour
from nas_kd.training.poa.views import OfViews

JITTER = 0.8
GREY = 0.2
BRIGHTNESS = CONTRAST = 0.4
SATURATION = 0.2
HUE = 0.1
SIGMA = (0.1, 2.0)
KERNEL = 9
PUBLISHED_SIDE = 224


@dataclass(frozen=True)
class Kind:
    """One kind of view.

    Attributes:
        scale: Least and largest share of the image's area that is cut out.
        blurred: Probability of a blur.
        solarized: Probability that bright pixels are inverted.
    """

    scale: tuple[float, float]
    blurred: float
    solarized: float = 0.0


GLOBAL = (Kind((0.32, 1.0), blurred=1.0), Kind((0.32, 1.0), blurred=0.1, solarized=0.2))
LOCAL = Kind((0.05, 0.32), blurred=0.5)


@dataclass(frozen=True)
class MultiCrop:
    """Two global and several local views of every image.

    A view is a random rectangle of the image (aspect 3/4 to 4/3), resized, mirrored in every other
    case, with changed brightness, contrast, saturation and hue, sometimes grey, blurred or
    solarized. The blur goes with the side of the global views: 9 pixels for one of 224.

    Deviations from DINOv2's pipeline, so that whole batches are computed at once: the four colour
    changes come in one order for all images of a view; a rectangle that does not fit into the image
    is made narrower instead of drawn again; resizing is bilinear.

    Attributes:
        side: Of the global views, in pixels.
        local_side: Of the local views.
        local_views: How many.
        mean: By which the views are normalised at the end.
        std: Likewise.
        flip: Whether views are mirrored.
    """

    side: int
    local_side: int
    local_views: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    flip: bool

    def __call__(self, images: Tensor, generator: Generator) -> OfViews:
        """Views of images ``(sample, C, H, W)`` with values in [0, 1]; it draws on the CPU."""
        whole = [self._view(images, kind, self.side, generator) for kind in GLOBAL]
        local = [
            self._view(images, LOCAL, self.local_side, generator) for _ in range(self.local_views)
        ]
        none = images.new_zeros(0, *images.shape)
        return OfViews(torch.stack(whole), torch.stack(local) if local else none)

    def _view(self, images: Tensor, kind: Kind, side: int, generator: Generator) -> Tensor:
        draws = Draws(len(images), images.device, generator)
        view = random_crop(images, kind.scale, side, draws, flip=self.flip)
        view = torch.where(draws.happens(JITTER), jitter(view, draws), view)
        if view.shape[1] == 3:
            view = torch.where(draws.happens(GREY), colour.to_grey(view), view)
        size = max(3, KERNEL * self.side // PUBLISHED_SIDE // 2 * 2 + 1)
        sigmas = draws.uniform(*SIGMA) * self.side / PUBLISHED_SIDE
        view = torch.where(draws.happens(kind.blurred), colour.blur(view, sigmas, size), view)
        if kind.solarized:
            view = torch.where(draws.happens(kind.solarized), colour.solarize(view), view)
        mean, std = (view.new_tensor(values).view(-1, 1, 1) for values in (self.mean, self.std))
        return (view - mean) / std


def jitter(images: Tensor, draws: Draws) -> Tensor:
    """Changed brightness, contrast, saturation and hue; grey images have no hue to change."""
    changes = [
        (colour.adjust_brightness, draws.uniform(1 - BRIGHTNESS, 1 + BRIGHTNESS)),
        (colour.adjust_contrast, draws.uniform(1 - CONTRAST, 1 + CONTRAST)),
        (colour.adjust_saturation, draws.uniform(1 - SATURATION, 1 + SATURATION)),
        (colour.adjust_hue, draws.uniform(-HUE, HUE)),
    ]
    for number in draws.order(len(changes)):
        change, strengths = changes[number]
        if images.shape[1] == 3 or number < 2:
            images = change(images, strengths)
    return images
