"""Whether the students of a space can be distilled as asked, before anything that takes long."""

from __future__ import annotations

import torch
from torch import nn

from nas_kd.errors import UsageError
from nas_kd.machine_lock import machine_shared
from nas_kd.training.capture import Capture
from nas_kd.training.objective import Objective
from nas_kd.training.processes import make_accelerator
from nas_kd.training.teaching import Teaching
from studies.proxy_check import tried_first
from studies.recipe import Recipe
from studies.setting import Setting
from studies.student_training import training_settings

_IMAGES = 8


def check_distillers(recipe: Recipe, setting: Setting) -> None:
    """Computes the loss of one untrained student and the teacher on a few images.

    Raises:
        UsageError: A distiller reads what student or teacher have not, or gives no scalars; or the
            student has no such features or head as its space says, or gives no logits.
    """
    objective = Objective(recipe.distill.distillers, training_settings(recipe.distill))
    accelerator = make_accelerator("no")
    with machine_shared(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        student = _student(setting)
        capture = Capture(
            student,
            features=setting.space.features(student),
            head=setting.space.head(student),
            needs=objective.needs,
        )
        teaching = Teaching(
            setting.teacher,
            setting.data,
            needs=objective.needs,
            views="augmented",
            accelerator=accelerator,
        )
        images, labels = setting.data.probe_batch(_IMAGES, recipe.seed)
        student, images = student.to(accelerator.device), images.to(accelerator.device)
        with capture, teaching:
            logits = student(images)
            _require_logits(logits, len(images), setting)
            objective(capture.outputs(logits), teaching.run(images), labels.to(images.device))


def _student(setting: Setting) -> nn.Module:
    """The one on which proxies are tried, too, as it begins its training."""
    return setting.space.build(tried_first(setting.space, setting.task), setting.task).train()


def _require_logits(logits: object, images: int, setting: Setting) -> None:
    wanted = (images, setting.task.num_classes)
    found = tuple(getattr(logits, "shape", ())) or type(logits).__name__
    if found != wanted:
        raise UsageError(
            f"space: for {images} images in {setting.task.num_classes} classes, students of "
            f"{setting.space.name} give {found}. What `build` makes has to return logits of "
            f"shape {wanted}."
        )
