"""Run in a process of its own: trains one student and prints what a step took of the memory."""

from __future__ import annotations

import ctypes
import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from nas_kd.data import DataSplits
from nas_kd.data.images import TensorImages
from nas_kd.training import TrainingSettings
from nas_kd.training.step_memory import StepMemory, find_step_memory
from nas_kd.training.student import train_student
from search_spaces import Task, create_space
from studies.random_arch import random_arch

_STATUS = Path("/proc/self/status")


def data_of(side: int, images: int) -> DataSplits:
    """Random images, four of them for validation."""
    pixels = torch.randint(0, 256, (images, 3, side, side), dtype=torch.uint8)
    train = TensorImages(pixels, torch.arange(images) % 10, (0.5,) * 3, (0.5,) * 3)
    names = [str(number) for number in range(10)]
    return DataSplits(
        "random",
        train,
        train.subset(range(4)),
        None,
        10,
        (3, side, side),
        names,
        *(((0.5,) * 3,) * 2),
    )


def resident(name: str) -> int:
    """Bytes: ``VmRSS``, those of now, or ``VmHWM``, the most since `forget_peak`."""
    lines = _STATUS.read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def forget_peak() -> None:
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")


def measure(space_name: str, side: int, batch: int, optimizer: str) -> dict[str, float]:
    """``least`` as it is told before the training, and the ``peak`` above what was there."""
    space = create_space(space_name)
    student = space.build(random_arch(space, np.random.default_rng(0)), Task(3, side, 10))
    told: list[float] = []

    def spied(*arguments: Any) -> StepMemory:
        memory = find_step_memory(*arguments)
        told.append(memory.of(batch))
        forget_peak()
        told.append(resident("VmRSS"))
        return memory

    settings = TrainingSettings(epochs=1, batch_size=batch, optimizer=optimizer)
    with mock.patch("nas_kd.training.trainer.find_step_memory", spied):
        train_student(student, data_of(side, 2 * batch), settings=settings, seed=0)
    least, before = told
    return {"least": least, "peak": resident("VmHWM") - before}


if __name__ == "__main__":
    found = []
    for case in sys.argv[1:]:
        name, side, batch, optimizer = case.split()
        found.append(measure(name, int(side), int(batch), optimizer))
    print(json.dumps(found))
