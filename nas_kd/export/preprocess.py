"""From images to what a student was trained on, and how its ONNX file tells of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nas_kd.data.lazy import MODES, fit
from nas_kd.errors import UsageError

if TYPE_CHECKING:
    from nas_kd.data import DataSplits

METADATA = "nas-kd.images"
"""The metadata entry in which an ONNX file says what images it takes, as JSON."""

FIT = "shorter-side-bilinear, centre-crop"
"""What `fit` does to images of another size."""


@dataclass(frozen=True)
class Preprocess:
    """Turns images into what the student was trained on.

    Attributes:
        input_shape: ``(channels, size, size)`` of one image.
        mean: Per-channel mean of values in [0, 1]; None leaves the values as they are.
        std: Per-channel standard deviation; None like ``mean``.
    """

    input_shape: tuple[int, int, int]
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None

    def of_data(self, data: DataSplits) -> DataSplits:
        """The data under the student's normalisation."""
        channels = self.input_shape[0]
        return data.normalised(self.mean or (0.0,) * channels, self.std or (1.0,) * channels)

    def __call__(self, images: Tensor) -> Tensor:
        """Fits, scales and normalises, as the images of a training are.

        Args:
            images: ``(C, H, W)`` or ``(B, C, H, W)``, bytes or floats in [0, 1]. Other sizes are
                fitted: the shorter side is scaled (bilinear, anti-aliased), the centre cut out.

        Returns:
            Normalised floats ``(B, C, size, size)``.

        Raises:
            UsageError: The number of channels is not the student's.
        """
        channels, size, _ = self.input_shape
        values = images.unsqueeze(0) if images.dim() == 3 else images
        if values.dim() != 4 or values.shape[1] != channels:
            raise UsageError(
                f"student: images of shape {tuple(images.shape)} were given, and "
                f"(batch, {channels}, height, width) is needed."
            )
        values = fit(values if values.dtype == torch.uint8 else values.float(), size)
        values = values.float() / 255.0 if values.dtype == torch.uint8 else values
        if self.mean is None or self.std is None:
            return values
        mean, std = (torch.tensor(v, device=values.device) for v in (self.mean, self.std))
        return (values - mean.view(1, -1, 1, 1)) / std.view(1, -1, 1, 1)

    def metadata(self, classes: Sequence[str]) -> dict[str, str]:
        """What an ONNX file says of its images, under `METADATA`.

        ``image_size`` in pixels, ``channels`` and Pillow's ``mode`` for them, how other sizes are
        fitted (`FIT`), the ``range`` of the values before ``mean`` is subtracted and ``std``
        divided by, and the ``classes`` in the order of the logits.
        """
        channels, size, _ = self.input_shape
        unchanged = self.mean is None or self.std is None
        facts = {
            "image_size": size,
            "channels": channels,
            "mode": MODES.get(channels),
            "fit": FIT,
            "range": [0, 1],
            "mean": [0.0] * channels if unchanged else self.mean,
            "std": [1.0] * channels if unchanged else self.std,
            "classes": list(classes),
        }
        return {METADATA: json.dumps(facts, separators=(",", ":"))}
