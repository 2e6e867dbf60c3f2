"""Run by ``torchrun``: trains one student in every process, and compares them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import torch
from accelerate import PartialState
from accelerate.utils import gather
from torch import nn

from nas_kd.data import DataSplits, load_data
from nas_kd.teachers import Teacher
from nas_kd.training import TrainingResult, TrainingSettings, train_student
from nas_kd.training.processes import end_together, make_accelerator


def run(checkpoint_dir: Path | None = None) -> TrainingResult:
    """Two epochs of a network whose gradients are means over the images: no batch norm."""
    torch.manual_seed(0)
    student, teacher = (nn.Sequential(nn.Flatten(), nn.Linear(64, 10)) for _ in range(2))
    return train_student(
        student,
        _digits(),
        teacher=Teacher(teacher, "linear", "tests", 10, features=["0"], head="1"),
        distillers={"kd": 0.5},
        settings=TrainingSettings(epochs=2, batch_size=32, gradient_clip=None),
        seed=0,
        features=["0"],
        head="1",
        checkpoint_dir=checkpoint_dir,
    )


def _digits() -> DataSplits:
    whole = load_data("digits", seed=0)
    return replace(
        whole,
        train=whole.train.subset(range(100)),
        validation=whole.validation.subset(range(51)),
        augment=None,
    )


def main() -> None:
    directory = Path(sys.argv[1])
    result = run(directory)
    weights = torch.cat([value.flatten() for value in result.best_state.values()])
    everyone = gather(weights[None])
    if PartialState().is_main_process:
        report = {
            "processes": len(everyone),
            "alike": bool((everyone == everyone[0]).all()),
            "weights": weights,
            "accuracy": result.validation_accuracy,
            "loss": [entry["loss"] for entry in result.history],
        }
        torch.save(report, directory / "report.pt")
    end_together(make_accelerator("no"))


if __name__ == "__main__":
    main()
