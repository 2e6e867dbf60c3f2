"""Rows of benchmarks tell the code that made them, and results do not count as code."""

import subprocess
from pathlib import Path

import pytest

from benchmarks import record


def _git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with code above, beside and below its benchmarks."""
    for name in ("code.py", "benchmarks/record.py", "benchmarks/results/a.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("one\n")
    _git(tmp_path, "init")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-m", "one")
    monkeypatch.setattr(record, "__file__", str(tmp_path / "benchmarks" / "record.py"))
    return tmp_path


def test_a_changed_result_is_no_change_of_the_code(checkout: Path) -> None:
    (checkout / "benchmarks/results/a.csv").write_text("two\n")
    assert "+changes" not in record.commit()


@pytest.mark.parametrize("name", ["code.py", "benchmarks/record.py"])
def test_changed_code_is_told(checkout: Path, name: str) -> None:
    (checkout / name).write_text("two\n")
    assert record.commit().endswith("+changes")
