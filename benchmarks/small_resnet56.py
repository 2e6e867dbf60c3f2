"""The trained ResNet-56 for CIFAR-10 of 16 x 16 pixels: the published weights, trained on.

The published network is right on 93 % of images of 32 x 32 pixels and on 61 % of reduced ones.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rich.progress import Progress
from safetensors.torch import load_file, save_file

from benchmarks.cifar10 import cifar10_data, resnet56_teacher, trained_resnet
from nas_kd.teachers import Teacher
from nas_kd.training import TrainingSettings, evaluate_accuracy, train_student
from nas_kd.whole_files import replaced

SIDE = 16
WEIGHTS = Path("runs/small-cells/resnet56.safetensors")
_SETTINGS = TrainingSettings(epochs=2, batch_size=64, learning_rate=0.05)


def small_resnet56() -> Teacher:
    """The network that `make_small_resnet56` made."""
    teacher = resnet56_teacher()
    teacher.model.load_state_dict(load_file(WEIGHTS))
    return replace(teacher, source="benchmarks.small_resnet56:small_resnet56")


def make_small_resnet56(progress: Progress) -> float:
    """Its accuracy on the test images; it is trained where it was not yet, or on from there."""
    data = cifar10_data(0, SIDE)
    if not WEIGHTS.is_file():
        model = trained_resnet(56)
        task = progress.add_task("ResNet-56 learns small images")
        train_student(
            model,
            data,
            settings=_SETTINGS,
            seed=0,
            checkpoint_dir=WEIGHTS.with_suffix(""),
            on_progress=lambda done, total, best: progress.update(
                task, completed=done, total=total
            ),
        )
        with replaced(WEIGHTS) as path:
            save_file(model.state_dict(), path)
    assert data.test is not None
    return evaluate_accuracy(small_resnet56().model, data.test)
