"""The data behind a student directory: split as when the student was trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nas_kd.cli.student_data import data_of
from nas_kd.data import load_data
from nas_kd.export import Student, write_manifest
from nas_kd.export.student import Preprocess
from search_spaces import Arch, Task, create_space


@pytest.mark.parametrize(
    ("extra", "seed"),
    [
        ({"pretraining": {"seed": 5, "data": "folder:unlabelled"}}, 5),
        ({"recipe": {"seed": 3}, "pretraining": {"seed": 5}}, 3),
        ({"pretraining": {"seed": "5"}}, 0),
        ({"pretraining": []}, 0),
        ({}, 0),
    ],
)
def test_the_validation_images_are_those_of_the_training(
    tmp_path: Path, extra: dict[str, Any], seed: int
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), np.uint8)
    np.savez(tmp_path / "own.npz", images=images, labels=np.arange(40) % 2)
    source = f"npz:{tmp_path / 'own.npz'}"
    if "recipe" in extra:
        extra["recipe"]["data"] = {"source": source}
    write_manifest(tmp_path, costs={}, latency=None, parity={}, accuracy={}, seeds={}, extra=extra)
    config = {"provenance": {"data": source}}
    student = Student(
        nn.Identity(),
        Task(in_channels=1, image_size=8, num_classes=2),
        ["even", "odd"],
        Preprocess((1, 8, 8), None, None),
        Arch({}),
        create_space("nasbench201"),
        config,
    )
    found, wanted = data_of(tmp_path, student, None), load_data(source, seed=seed)
    pixels = wanted.validation.pixels(range(8))
    assert torch.equal(found.validation.pixels(range(8)), pixels)
