"""``nas-kd export`` of a student of text: the checked file, int8 beside it, and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nas_kd.costs.onnx_models import onnx_precision
from nas_kd.errors import ExitCode
from nas_kd.export import text_delivery
from nas_kd.export.text_delivery import deliver_text_student
from nas_kd.training.language import with_head
from tests.cli.conftest import Command
from tests.export.test_text_student import OWN_WIDTH, PROVENANCE, student, tokenizer


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that delivered a student without a head, as a search of a SuperLM does."""
    deliver_text_student(
        tmp_path / "run" / "students" / "1",
        student(OWN_WIDTH),
        tokenizer(),
        PROVENANCE,
        lengths=[16],
    )
    return tmp_path / "run"


def _manifest(directory: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((directory / "manifest.json").read_text())
    return manifest


def test_int8_is_written_compared_and_measured(nas_kd: Command, run: Path) -> None:
    directory = run / "students" / "1"
    outcome = nas_kd("export", run, "--int8", "--json")
    assert outcome.code == 0, outcome.err
    document = json.loads(outcome.out)
    assert onnx_precision(directory / "student.int8.onnx") == "int8"
    assert document["files"]["int8"] == str(directory / "student.int8.onnx")
    manifest = _manifest(directory)
    assert document["parity"] == manifest["parity"]
    assert set(manifest["latency"]) == {"fp32", "int8"}
    assert manifest["latency"]["int8"]["16"]["precision"] == "int8"
    assert "student.int8.onnx" in manifest["files"]
    again = nas_kd("export", run)
    assert again.code == 0, again.err
    assert "differs from PyTorch by at most" in again.out
    assert _manifest(directory)["parity"].keys() == {"fp32", "int8"}
    assert _manifest(directory)["latency"] == manifest["latency"]
    assert not [file for file in directory.iterdir() if file.name.startswith(".")]


def test_a_classifier_elsewhere(nas_kd: Command, tmp_path: Path) -> None:
    model = with_head(student(OWN_WIDTH), 3, seed=0).eval()
    deliver_text_student(tmp_path / "own", model, tokenizer(), PROVENANCE, lengths=[16])
    before = {path: path.read_bytes() for path in (tmp_path / "own").iterdir()}
    outcome = nas_kd("export", "own", "--int8", "--output", "new/net.onnx")
    assert outcome.code == 0, outcome.err
    assert "latency, 16 tokens" in outcome.out
    assert sorted(path.name for path in Path("new").iterdir()) == ["net.int8.onnx", "net.onnx"]
    assert {path: path.read_bytes() for path in (tmp_path / "own").iterdir()} == before


def test_files_that_differ_from_the_student_replace_none(
    nas_kd: Command, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.read_bytes() for path in (run / "students" / "1").iterdir()}
    monkeypatch.setitem(text_delivery._TOLERANCES, "int8", 0.0)
    outcome = nas_kd("export", run, "--int8")
    assert outcome.code == ExitCode.EXPORT_FAILED
    assert "differs from the model" in outcome.err
    assert {path: path.read_bytes() for path in (run / "students" / "1").iterdir()} == before


@pytest.mark.parametrize(
    "flags", [("--fp16",), ("--int8", "--calibration", 8), ("--int8", "--data", "digits")]
)
def test_what_belongs_to_images_is_refused(
    nas_kd: Command, run: Path, flags: tuple[object, ...]
) -> None:
    outcome = nas_kd("export", run, *flags)
    assert outcome.code == ExitCode.USAGE
    assert "holds a student of text" in outcome.err
