"""Students of a search in training."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from nas_kd.data import DataSplits
from search_spaces import Task, create_space
from studies.observer import SilentObserver
from studies.recipe_files import parse_recipe
from studies.run_directory import RunDirectory
from studies.student_training import StudentTrainer
from tests.training.conftest import digits

__all__ = ["digits"]


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
