"""Checkpoints on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from nas_kd.errors import NasKdError, UsageError
from nas_kd.training.checkpoint import FILE, CheckpointFile, DamagedCheckpointError


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path / "new", {"seed": "0"})
    assert file.load() is None
    file.save({"epoch": 1})
    file.save({"epoch": 2, "weights": {"w": torch.arange(3)}, "best": float("nan")})
    state = file.load()
    assert state is not None
    assert state["epoch"] == 2
    assert torch.equal(state["weights"]["w"], torch.arange(3))
    assert [path.name for path in (tmp_path / "new").iterdir()] == [FILE]


def test_another_training_is_refused_and_left_alone(tmp_path: Path) -> None:
    CheckpointFile(tmp_path, {"seed": "0", "epochs": "3"}).save({"epoch": 1})
    content = (tmp_path / FILE).read_bytes()
    with pytest.raises(UsageError, match=r"another training \(other epochs, seed\)"):
        CheckpointFile(tmp_path, {"seed": "1", "epochs": "4"}).load()
    assert (tmp_path / FILE).read_bytes() == content


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    CheckpointFile(tmp_path, {}).save({"weights": torch.rand(1000)})
    content = (tmp_path / FILE).read_bytes()
    for damaged in (b"", b"not a checkpoint", content[: len(content) // 2]):
        (tmp_path / FILE).write_bytes(damaged)
        with pytest.raises(UsageError, match="Delete it"):
            CheckpointFile(tmp_path, {}).load()


def test_where_somebody_is_told_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    said: list[str] = []
    file = CheckpointFile(tmp_path, {}, said.append)
    file.save({"epoch": 1})
    assert file.load() == {"epoch": 1}
    file.path.write_bytes(b"not a checkpoint")
    assert file.load() is None
    assert (tmp_path / f"{FILE}.damaged").read_bytes() == b"not a checkpoint"
    assert f"It is kept as {FILE}.damaged, and the training starts afresh" in said[0]
    assert file.load() is None


def test_what_killed_processes_left_of_theirs_is_removed(tmp_path: Path) -> None:
    for pid in (1, 22):
        (tmp_path / f".{FILE}.{pid}.part").write_bytes(b"half")
    CheckpointFile(tmp_path, {}).save({"epoch": 1})
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_flipped_bit_is_noticed_wherever_it_is(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path, {})
    file.save({"weights": torch.rand(100)})
    content = file.path.read_bytes()
    for byte in range(0, len(content), 7):
        flipped = bytearray(content)
        flipped[byte] ^= 1 << byte % 8
        file.path.write_bytes(flipped)
        with pytest.raises(DamagedCheckpointError) as caught:
            file.load()
        assert caught.value.path == file.path


class Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


def test_pickled_objects_are_not_run(tmp_path: Path) -> None:
    CheckpointFile(tmp_path, {}).save({"epoch": Bomb(tmp_path / "exploded")})
    with pytest.raises(UsageError, match="nothing in it was run"):
        CheckpointFile(tmp_path, {}).load()
    assert not (tmp_path / "exploded").exists()


def test_a_failed_write_leaves_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = CheckpointFile(tmp_path, {})
    file.save({"epoch": 1})

    def fail(*arguments: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(NasKdError, match="no space left"):
        file.save({"epoch": 2})
    assert file.load() == {"epoch": 1}
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NasKdError, match="cannot be written"):
        CheckpointFile(tmp_path / "file" / "run", {}).save({"epoch": 1})
