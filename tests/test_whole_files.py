"""Folders that are there whole or as they were before."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nas_kd.whole_files import replaced, whole_folder


def test_a_folder_takes_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    for text in ("old", "new"):
        with whole_folder(tmp_path / "students" / "1") as draft:
            (draft / text).write_text(text)
    assert [file.name for file in (tmp_path / "students" / "1").iterdir()] == ["new"]
    assert len(list((tmp_path / "students").iterdir())) == 1


def test_an_interrupted_one_leaves_the_earlier_one(tmp_path: Path) -> None:
    folder = tmp_path / "1"
    (tmp_path / ".1.part").mkdir()
    (tmp_path / ".1.part" / "of-a-killed-call").touch()
    folder.mkdir()
    (folder / "old").touch()
    with pytest.raises(KeyboardInterrupt):
        _fill_and_interrupt(folder)
    assert [file.name for file in folder.iterdir()] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_one_that_cannot_be_renamed_leaves_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "1"
    folder.mkdir()
    (folder / "old").touch()
    replace = Path.replace

    def refused(self: Path, target: Path) -> Path:
        if self.name == ".1.part":
            raise OSError("no")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(OSError, match="no"), whole_folder(folder) as draft:
        (draft / "new").touch()
    assert [file.name for file in folder.iterdir()] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_what_a_call_killed_between_its_renames_left_is_put_back(tmp_path: Path) -> None:
    folder = tmp_path / "1"
    (tmp_path / ".1.old").mkdir()
    (tmp_path / ".1.old" / "old").touch()
    with pytest.raises(KeyboardInterrupt):
        _fill_and_interrupt(folder)
    assert [file.name for file in folder.iterdir()] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def _fill_and_interrupt(folder: Path) -> None:
    with whole_folder(folder) as draft:
        assert list(draft.iterdir()) == []
        (draft / "new").touch()
        raise KeyboardInterrupt


def test_others_may_read_weights_as_any_file(tmp_path: Path) -> None:
    with replaced(tmp_path / "a.safetensors") as draft:
        save_file({"x": torch.zeros(1)}, draft)
    with whole_folder(tmp_path / "1") as folder:
        (folder / "below").mkdir()
        save_file({"x": torch.zeros(1)}, folder / "below" / "b.safetensors")
    other = tmp_path / "other"
    other.touch()
    written = (tmp_path / "a.safetensors", tmp_path / "1" / "below" / "b.safetensors")
    assert {file.stat().st_mode for file in written} == {other.stat().st_mode}
    assert [file.name for file in (tmp_path / "1").iterdir()] == ["below"]
