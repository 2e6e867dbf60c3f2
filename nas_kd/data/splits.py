"""What a job learns from: training, validation and test images of one task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nas_kd.data.augment import Augment, CropFlip
from nas_kd.data.images import Images
from nas_kd.data.wrapped import WrappedImages
from nas_kd.errors import UsageError


@dataclass(frozen=True)
class DataSplits:
    """Training, validation and (maybe) test data of one classification task.

    Attributes:
        name: Short name for reports.
        train: ``(image, label)`` pairs; images are normalised float tensors ``(C, H, W)``. Any
            data set with a length and such items may be given; it is wrapped in `WrappedImages`.
        validation: The same kind of pairs, on which training and search are judged.
        test: The same, looked at once at the very end; None where there is none.
        num_classes: Number of classes, at least two; labels are 0 to ``num_classes - 1``. 0 where
            images have no labels; all of them are then 0.
        input_shape: Shape of one image ``(C, H, W)``; images are square.
        classes: Names of the classes by number.
        mean: Per-channel mean that has been subtracted, of values in [0, 1].
        std: Per-channel standard deviation by which the difference has been divided.
        augment: Random views of a batch of normalised training images, or None.

    Raises:
        UsageError: The facts contradict each other.
    """

    name: str
    train: Images
    validation: Images
    test: Images | None
    num_classes: int
    input_shape: tuple[int, int, int]
    classes: Sequence[str]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augment: Augment | None = None

    def __post_init__(self) -> None:
        for role in ("train", "validation", "test"):
            images = getattr(self, role)
            if images is not None and not isinstance(images, Images):
                object.__setattr__(self, role, WrappedImages(images, self.mean, self.std))
        channels, height, width = self.input_shape
        if self.num_classes == 1 or len(self.classes) != self.num_classes:
            raise UsageError(
                f"data {self.name}: {self.num_classes} classes with {len(self.classes)} names; "
                f"give one name per class and at least two classes."
            )
        if height != width:
            raise UsageError(
                f"data {self.name}: images are {height} x {width}; set image_size "
                f"(--image-size) to make them square."
            )
        if not len(self.mean) == len(self.std) == channels or min(self.std) <= 0:
            raise UsageError(
                f"data {self.name}: mean {self.mean} and std {self.std} must hold one number per "
                f"channel ({channels}), each std above zero."
            )

    @property
    def final(self) -> Images:
        """The images on which what is delivered is judged: `final_split`."""
        return self.validation if self.test is None else self.test

    @property
    def final_split(self) -> str:
        """``test``, or ``validation`` where there are no test images."""
        return "validation" if self.test is None else "test"

    @property
    def mirrors(self) -> bool:
        """Whether training images are mirrored at random."""
        return isinstance(self.augment, CropFlip) and self.augment.flip

    def normalised(self, mean: Sequence[float], std: Sequence[float]) -> DataSplits:
        """The same data under another normalisation, such as the one a teacher was trained with."""
        if (self.mean, self.std) == (tuple(mean), tuple(std)):
            return self
        return replace(
            self,
            train=self.train.normalised(mean, std),
            validation=self.validation.normalised(mean, std),
            test=None if self.test is None else self.test.normalised(mean, std),
            mean=tuple(mean),
            std=tuple(std),
        )

    def probe_batch(self, size: int, seed: int) -> tuple[Tensor, Tensor]:
        """A batch of training images without augmentation, classes as equal as they can be.

        Returns:
            Images ``(size, C, H, W)`` and labels ``(size,)``; the same for the same seed.

        Raises:
            UsageError: There are fewer than ``size`` training images.
        """
        labels = self.train.labels
        if not 1 <= size <= len(labels):
            raise UsageError(
                f"data {self.name}: a batch of {size} images was asked for, and there are "
                f"{len(labels)} for training."
            )
        indices = _balanced(labels, size, torch.Generator().manual_seed(seed))
        return self.train.batch(indices)


def _balanced(labels: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Indices of ``size`` images, drawn class by class in turn."""
    order = torch.randperm(len(labels), generator=generator)
    shuffled = labels[order]
    turn = torch.empty_like(shuffled)  # how many of its own class come before each image
    for label in shuffled.unique():
        places = (shuffled == label).nonzero().flatten()
        turn[places] = torch.arange(len(places))
    return order[torch.argsort(turn, stable=True)[:size]]
