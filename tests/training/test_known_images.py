"""A training of images goes on with the images that it began with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas_kd.data import load_data
from nas_kd.errors import UsageError
from nas_kd.training.darts.settings import SearchSettings
from nas_kd.training.poa.settings import PoaSettings
from nas_kd.training.pretraining import METHODS, Job
from nas_kd.training.processes import make_accelerator
from nas_kd.training.sandwich.settings import SandwichSettings
from search_spaces import create_space
from tests.training.elastic.jobs import make_job, stored


def write_digits(file: Path, count: int) -> str:
    """The first so many digits as a file; how it is named as data."""
    images = load_data("digits").train.normalised(None, None)
    pixels, labels = images.batch(range(count))
    np.savez(file, images=pixels.numpy(), labels=labels.numpy())
    return f"npz:{file}"


def elastic(settings: Any, data: str) -> Job:
    return make_job(settings, data=data)


def cells(settings: Any, data: str) -> Job:
    return Job(
        space=create_space("nasbench201", channels=2, cells_per_stage=1),
        settings=settings,
        data=data,
        teacher=None,
        checkpoint=None,
        image_size=None,
        seed=0,
        accelerator=make_accelerator("no"),
    )


@pytest.mark.parametrize(
    ("method", "make", "settings"),
    [
        ("sandwich", elastic, SandwichSettings(epochs=1, batch_size=32)),
        (
            "poa",
            elastic,
            PoaSettings(epochs=1, batch_size=32, prototypes=8, head_hidden=16, head_bottleneck=8),
        ),
        ("darts", cells, SearchSettings(epochs=1, batch_size=32)),
    ],
)
def test_others_are_refused(method: str, make: Any, settings: Any, tmp_path: Path) -> None:
    begun, data = METHODS.get(method), write_digits(tmp_path / "digits.npz", 200)
    state = stored(begun.start(make(settings, data)).state())
    begun.start(make(settings, data)).load(state)
    write_digits(tmp_path / "digits.npz", 240)
    with pytest.raises(UsageError, match=r"digits\.npz gives other training images"):
        begun.start(make(settings, data)).load(state)
