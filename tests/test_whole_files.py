"""Folders that are there whole or as they were before."""

from __future__ import annotations

from pathlib import Path

import pytest

from nas_kd.whole_files import whole_folder


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
