"""Students of a search in training."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from nas_kd.data import DataSplits
from search_spaces import Task, create_space
from studies.observer import SilentObserver
from studies.recipe_files import parse_recipe
from studies.run_directory import RunDirectory
from studies.student_training import StudentTrainer
from tests.training.conftest import digits

__all__ = ["digits"]


class _Notes(SilentObserver):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, message: str) -> None:
        self.said.append(message)


def test_a_damaged_checkpoint_is_put_aside_and_the_training_starts_afresh(
    digits: DataSplits, tmp_path: Path
) -> None:
    recipe = parse_recipe({"distill": {"epochs": 1}})
    space = create_space("cifar-resnet", width=4)
    setting: Any = SimpleNamespace(space=space, task=Task(1, 8, 10), data=digits, teacher=None)
    run, notes = RunDirectory.create_or_continue(tmp_path / "run", recipe), _Notes()
    trainer = StudentTrainer(recipe, setting, run, notes)
    arch = space.parse("ResNet[1 1 1]")
    first, _ = trainer.train(arch, name="twin", with_teacher=False)
    checkpoint = run.work("training", "twin") / "training.pt"
    checkpoint.write_bytes(b"damaged")

    again, _ = trainer.train(arch, name="twin", with_teacher=False)

    (said,) = notes.said
    assert "is damaged. It is kept as training.pt.damaged, and the training starts afresh" in said
    assert checkpoint.with_name("training.pt.damaged").read_bytes() == b"damaged"
    weights = again.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in first.state_dict().items())


def test_the_twin_without_a_teacher_starts_at_random(digits: DataSplits, tmp_path: Path) -> None:
    """Also where the student itself has to start from the teacher."""
    options = {"source": "digits-cnn"}
    recipe = parse_recipe({"teacher": options, "distill": {"init": "teacher", "epochs": 1}})
    space = create_space("cifar-resnet", width=4)
    setting: Any = SimpleNamespace(space=space, task=Task(1, 8, 10), data=digits, teacher=None)
    run = RunDirectory.create_or_continue(tmp_path / "run", recipe)
    trainer = StudentTrainer(recipe, setting, run, SilentObserver())
    arch = space.parse("ResNet[1 1 1]")

    _, result = trainer.train(arch, name="twin", with_teacher=False)

    assert result.inherited_share == 0.0
