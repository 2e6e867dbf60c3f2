"""Checksums of what a finished pre-training left."""

from __future__ import annotations

from pathlib import Path

from nas_kd.file_digest import sha256
from nas_kd.training.pretraining.saved_files import changed_files, saved_files


def test_facts_that_name_no_file_may_be_any_text(tmp_path: Path) -> None:
    """The cells of DARTS are described in more characters than a name of a file may have."""
    weights = tmp_path / "supernet.safetensors"
    weights.write_bytes(b"weights")
    facts = {"file": weights.name, "cell": "x" * 1000, "up": "..", "here": ".", "none": "", "n": 3}
    saved = saved_files(tmp_path, facts)
    assert saved == {weights.name: sha256(weights)}
    assert changed_files(tmp_path, saved) == []


def test_all_files_of_a_named_folder_are_saved(tmp_path: Path) -> None:
    inner = tmp_path / "teacher" / "weights" / "a.bin"
    inner.parent.mkdir(parents=True)
    inner.write_bytes(b"a")
    (tmp_path / "other.bin").write_bytes(b"b")
    saved = saved_files(tmp_path, {"teacher": "teacher"})
    assert saved == {"teacher/weights/a.bin": sha256(inner)}
    inner.unlink()
    assert changed_files(tmp_path, saved) == [inner]
