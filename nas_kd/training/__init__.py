"""Training loops, all on accelerate."""

from __future__ import annotations

from nas_kd.training.checkpoint import DamagedCheckpointError
from nas_kd.training.clean_logits import read_logits
from nas_kd.training.default_teacher import train_default_teacher
from nas_kd.training.digits_resnet import DigitsResNet
from nas_kd.training.evaluate import evaluate_accuracy
from nas_kd.training.result import TrainingResult
from nas_kd.training.settings import TrainingSettings
from nas_kd.training.student import train_student
from nas_kd.training.trainer import Progress

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
