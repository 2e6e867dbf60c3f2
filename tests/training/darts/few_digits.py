"""160 real digits to search on, as a data factory."""

from __future__ import annotations

from dataclasses import replace

from nas_kd.data import DataSplits, load_data
from nas_kd.teachers import Teacher
from tests.training.conftest import tiny

SOURCE = "tests.training.darts.few_digits:few_digits"
TEACHER = "tests.training.darts.few_digits:untrained_teacher"


def few_digits(seed: int) -> DataSplits:
    """160 training and 96 validation images of 8 x 8."""
    whole = load_data("digits", seed=seed)
    return replace(
        whole,
        train=whole.train.subset(range(160)),
        validation=whole.validation.subset(range(96)),
    )


def untrained_teacher() -> Teacher:
    return Teacher(
        model=tiny(width=12, seed=5),
        name="tiny",
        source=TEACHER,
        num_classes=10,
        features=["body"],
        head="classifier",
    )
