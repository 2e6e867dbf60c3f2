"""What the teacher knows: its accuracy and what its images look like."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from nas_kd.data import DataSplits, Images
from nas_kd.data.load import IMAGENET_MEAN
from nas_kd.machine_lock import machine_shared
from nas_kd.teachers import Teacher, other_classes
from nas_kd.training.evaluate import count_correct, device_of
from nas_kd.training.processes import make_accelerator
from studies.observer import Observer

CHUNK = 256
"""Images between two reports of the progress."""


def teacher_accuracies(teacher: Teacher, data: DataSplits, observer: Observer) -> dict[str, float]:
    """``accuracy`` on the test images, where there are any, and ``validation_accuracy``.

    The teacher is judged on the accelerator, if there is one, and is where it was afterwards. It is
    told if its classes have other names than the data's.
    """
    if note := other_classes(teacher.source, teacher.classes or (), data.classes):
        observer.note(note)
    splits = [data.validation] if data.test is None else [data.validation, data.test]
    observer.phase("judge teacher", sum(map(len, splits)))
    home = device_of(teacher.model)
    teacher.model.to(make_accelerator("no").device)
    done, shares = 0, []
    for images in splits:
        shares.append(_accuracy(teacher, images, observer, done))
        done += len(images)
    teacher.model.to(home)
    return {"accuracy": shares[-1], "validation_accuracy": shares[0]}


def normalisation_note(teacher: Teacher, data: DataSplits, *, has_option: bool) -> str:
    """How the images are normalised, and on whose word.

    ``has_option`` says that the weights are the user's own and the teacher takes ``normalise``.
    """
    stated = teacher.mean is not None and teacher.std is not None
    whose = f"as {teacher.source} states" if stated else _of_data(data)
    line = f"Images are normalised with mean {_list(data.mean)}, std {_list(data.std)}, {whose}."
    if stated and has_option:
        line += (
            " If the weights of the checkpoint saw the data's own normalisation, add "
            "normalise=data to the teacher's options (NAME?normalise=data)."
        )
    return line


def _accuracy(teacher: Teacher, images: Images, observer: Observer, before: int) -> float:
    right = done = 0
    for indices in torch.arange(len(images)).split(CHUNK):
        with machine_shared():
            right += count_correct(teacher.model, images, indices)
        done += len(indices)
        observer.advance(before + done)
    return right / max(1, len(images))


def _of_data(data: DataSplits) -> str:
    if tuple(data.mean) == IMAGENET_MEAN:
        return "those of ImageNet, as the images are not held in memory"
    return "those of the data"


def _list(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.3f}" for value in values)
