"""A run and the file of its teacher's weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from nas_kd.errors import UsageError
from studies.recipe_files import parse_recipe
from studies.run_directory import RunDirectory
from studies.teacher_file import require_same_checkpoint, weights_file_digest


def test_other_weights_under_the_same_name_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    file.write_bytes(b"weights")
    teacher = {"source": "timm:resnet18", "checkpoint": str(file)}
    recipe = parse_recipe({"teacher": teacher, "data": {"source": "digits"}})
    run = RunDirectory.create_or_continue(tmp_path / "run", recipe)
    require_same_checkpoint(run, recipe)
    require_same_checkpoint(run, recipe)
    file.write_bytes(b"others")
    with pytest.raises(UsageError, match=r"mine\.safetensors holds other weights"):
        require_same_checkpoint(run, recipe)
    file.write_bytes(b"weights")
    require_same_checkpoint(run, recipe)


def test_what_cannot_be_read_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"weights cannot be read .* Make it readable"):
        weights_file_digest(tmp_path / "weights")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="folder cannot be read"):
        weights_file_digest(tmp_path / "folder")
