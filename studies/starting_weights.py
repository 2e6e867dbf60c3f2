"""A student that goes on from the weights with which a supernet delivered it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from nas_kd.errors import UsageError
from nas_kd.export import Student, load_student
from nas_kd.export.file_names import WEIGHTS
from nas_kd.file_digest import sha256
from nas_kd.training.normalisation import with_stated_normalisation
from search_spaces import Task
from studies.recipe import Recipe
from studies.recipe_files import parse_recipe
from studies.setting import Setting

_GENTLE: Mapping[str, Mapping[str, Any]] = {
    "adamw": {"optimizer": "adamw", "learning_rate": 5e-4, "weight_decay": 0.05},
    "sgd": {"optimizer": "sgd", "learning_rate": 0.01, "weight_decay": 5e-4},
}
"""Optimiser of the pre-training to that of the distillation: trained weights need small steps."""


@dataclass(frozen=True)
class StartingWeights:
    """The weights of a student directory.

    Attributes:
        directory: The student's.
        sha256: Of the file of weights.
    """

    directory: Path
    sha256: str

    @classmethod
    def of(cls, directory: Path) -> StartingWeights:
        """Of the student in ``directory``; `UsageError` where there is no file of weights."""
        try:
            return cls(directory, sha256(directory / WEIGHTS))
        except OSError as error:
            raise UsageError(
                f"student: {directory / WEIGHTS} cannot be read ({error.strerror or error}). "
                "Search the supernet again, or give the architecture as text to train it anew."
            ) from error

    def student_for(self, task: Task) -> Student:
        """The student with its weights.

        Raises:
            UsageError: The directory is damaged, or its student takes other images or classes.
        """
        student = load_student(self.directory)
        if student.task != task:
            raise UsageError(
                f"distill: the student in {self.directory} was made for {_words(student.task)}, "
                f"and the data are {_words(task)}. Give its architecture as text to train it anew."
            )
        return student

    def load(self, setting: Setting) -> tuple[nn.Module, Setting]:
        """The student, and the setting with its data normalised as the student expects.

        A teacher that states no normalisation keeps the one under which it was judged.

        Raises:
            UsageError: The directory is damaged, or its student takes other images or classes.
        """
        student = self.student_for(setting.task)
        teacher = with_stated_normalisation(setting.teacher, setting.data)
        data = student.preprocess.of_data(setting.data)
        return student.module, replace(setting, teacher=teacher, data=data)


def recipe_of_pretraining(job: Mapping[str, Any], data: str | None = None) -> Recipe:
    """How a student out of a supernet is distilled where nothing else is asked for.

    Space, data, teacher and seed are those of the pre-training ``job``, so that its validation
    images are still unseen; the optimiser is, too, with small steps. Images have the size for
    which the networks were made: that of its views, where they had one of their own.

    Args:
        job: What was trained, by name.
        data: What the student got its classifier of, where that is other data.

    Raises:
        UsageError: The job is damaged.
    """
    settings = job["settings"]
    optimizer = str(settings.get("optimizer", "adamw"))
    side = settings.get("view_size") or job["image_size"]
    teacher = {"source": job.get("teacher"), "checkpoint": job.get("checkpoint")}
    return parse_recipe(
        {
            "seed": job["seed"],
            "space": {"name": job["space"], "options": job["space_options"]},
            "data": {"source": data or job["data"], "image_size": side},
            "distill": dict(_GENTLE[optimizer]),
            **({"teacher": teacher} if teacher["source"] else {}),
        }
    )


def _words(task: Task) -> str:
    return f"images of shape {task.input_shape} in {task.num_classes} classes"
