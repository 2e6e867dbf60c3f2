"""Searches that take a second: a cell of 4 channels a stage, 160 digits, two steps an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from nas_kd.training.pretraining import METHODS, Job
from nas_kd.training.processes import make_accelerator
from search_spaces import create_space
from tests.training.darts.few_digits import SOURCE, TEACHER

OPTIONS: dict[str, dict[str, int]] = {
    "nasbench201": {"channels": 4, "cells_per_stage": 1},
    "darts": {"channels": 4, "cells": 3},
}
SMALL: dict[str, Any] = {"epochs": 2, "batch_size": 40, "judged_images": 16, "alpha_start": 0}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small tensors are slower on several threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def make_job() -> Callable[..., Job]:
    def make(
        method: str = "darts", space: str = "nasbench201", seed: int = 0, **settings: Any
    ) -> Job:
        external = "external" in settings.get("teacher_sources", "")
        chosen = METHODS.get(method).settings(**{**SMALL, **settings})
        return Job(
            space=create_space(space, **OPTIONS[space]),
            settings=chosen,
            data=SOURCE,
            teacher=TEACHER if external else None,
            checkpoint=None,
            image_size=None,
            seed=seed,
            accelerator=make_accelerator(chosen.precision),
        )

    return make
