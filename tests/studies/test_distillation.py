"""The distillation of one chosen student."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch import nn

from nas_kd.errors import NasKdError, UsageError
from search_spaces import Arch, Task
from studies import distillation
from studies.distillation import SCHEMA, distil_student
from studies.observer import SilentObserver
from studies.recipe_files import parse_recipe
from studies.recipe_space import space_of
from studies.run_directory import RunDirectory


@pytest.mark.parametrize("is_finished", [False, True])
def test_other_weights_in_the_checkpoint_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_finished: bool
) -> None:
    file = tmp_path / "mine.safetensors"
    file.write_bytes(b"weights")
    teacher = {"source": "timm:resnet18", "checkpoint": str(file)}
    recipe = parse_recipe({"teacher": teacher, "data": {"source": "digits"}})

    def distil(*_: object) -> dict[str, Any]:
        if not is_finished:
            raise NasKdError("interrupted")
        return {"schema": SCHEMA}

    monkeypatch.setattr(distillation, "_distil", distil)
    run = RunDirectory.create_or_continue(tmp_path / "run", recipe)
    space = space_of(recipe)
    call = (recipe, space.canonical(space.parse("9930")), run, SilentObserver())
    if is_finished:
        assert distil_student(*call) == {"schema": SCHEMA}
    else:
        with pytest.raises(NasKdError, match="interrupted"):
            distil_student(*call)
    file.write_bytes(b"others")
    with pytest.raises(UsageError, match=r"mine\.safetensors holds other weights"):
        distil_student(*call)


def test_a_student_that_cannot_be_built_is_refused_before_there_is_a_teacher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = parse_recipe({"teacher": {"source": "tests.cli.own_code:fail"}})
    space = space_of(recipe)

    def build(self: object, arch: Arch, task: Task) -> nn.Module:
        raise UsageError(f"no student takes {task.input_shape}")

    monkeypatch.setattr(type(space), "build", build)
    run = RunDirectory.create_or_continue(tmp_path / "run", recipe)
    with pytest.raises(UsageError, match=r"no student takes \(1, 8, 8\)"):
        distil_student(recipe, space.canonical(space.parse("9930")), run, SilentObserver())
