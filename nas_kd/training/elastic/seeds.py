"""Seeds of what is drawn in a training, one for each use."""

from __future__ import annotations

from enum import IntEnum

from nas_kd.training.batches import mixed_seed


class Use(IntEnum):
    """What is drawn."""

    ORDER = 1
    """Of the images in an epoch."""
    STEPS = 2
    """Views, masks and all else within the steps of an epoch."""
    SIZES = 3
    """Which networks learn in a step."""


def seed_of(use: Use, *numbers: int) -> int:
    """From the job's seed and further numbers.

    The same numbers give another seed for each use: without it the draws of two uses would be the
    same, since a number that is left out counts as 0.
    """
    return mixed_seed(use, *numbers)
