"""Training loops, all on accelerate. The names are loaded when they are first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas_kd.lazy_names import lazy_names

if TYPE_CHECKING:
    from nas_kd.training.checkpoint import DamagedCheckpointError
    from nas_kd.training.clean_logits import read_logits
    from nas_kd.training.default_teacher import train_default_teacher
    from nas_kd.training.digits_resnet import DigitsResNet
    from nas_kd.training.evaluate import evaluate_accuracy
    from nas_kd.training.progress import Progress
    from nas_kd.training.result import TrainingResult
    from nas_kd.training.settings import TrainingSettings
    from nas_kd.training.student import train_student

__all__ = [
    "DamagedCheckpointError",
    "DigitsResNet",
    "Progress",
    "TrainingResult",
    "TrainingSettings",
    "evaluate_accuracy",
    "read_logits",
    "train_default_teacher",
    "train_student",
]

_HOMES = {
    "DamagedCheckpointError": "checkpoint",
    "DigitsResNet": "digits_resnet",
    "Progress": "progress",
    "TrainingResult": "result",
    "TrainingSettings": "settings",
    "evaluate_accuracy": "evaluate",
    "read_logits": "clean_logits",
    "train_default_teacher": "default_teacher",
    "train_student": "student",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
