"""The manifest: complete, valid JSON, with hashes that hold."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nas_kd.costs import CountRecord
from nas_kd.errors import UsageError
from nas_kd.export import (
    ParityRecord,
    export_onnx,
    read_manifest,
    refresh_manifest,
    write_manifest,
)
from nas_kd.export.manifest import changed_files
from tests.export.test_onnx_file import SHAPE, small_cnn

PARITY = ParityRecord(1e-7, 1e-7, (1, 7), 1e-4, True, 2e-7, math.nan)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    export_onnx(small_cnn(), SHAPE, tmp_path / "student.onnx")
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / ".hidden").write_text("a draft")
    write_manifest(
        tmp_path,
        costs=CountRecord(macs=10, params=5, unsupported={"fft_rfft": 1}),
        latency=None,
        parity=PARITY,
        accuracy={"test": np.float64(0.97), "validation": 0.5},
        seeds={"study": 0},
        extra={"teacher": {"name": "digits-cnn", "path": Path("teacher")}},
    )
    return tmp_path


def test_contents(directory: Path) -> None:
    manifest = json.loads((directory / "manifest.json").read_text())
    assert manifest["schema"] == "nas-kd.manifest/1"
    assert manifest["costs"]["macs"] == 10
    assert manifest["costs"]["unsupported"] == {"fft_rfft": 1}
    assert manifest["latency"] is None
    assert manifest["parity"]["passed"] is True
    assert manifest["parity"]["randomised_max_rel"] is None
    assert manifest["accuracy"] == {"test": 0.97, "validation": 0.5}
    assert manifest["seeds"] == {"study": 0}
    assert manifest["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert manifest["teacher"]["name"] == "digits-cnn"
    assert manifest["onnx"]["student.onnx"]["opset"] == 18
    assert list(manifest["files"]) == ["config.json", "student.onnx"]
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((directory / name).read_bytes()).hexdigest() == digest


def test_refresh_after_a_file_was_replaced(directory: Path) -> None:
    before = json.loads((directory / "manifest.json").read_text())
    (directory / "config.json").write_text('{"changed": true}')
    refresh_manifest(directory, ["config.json"], parity=replace(PARITY, passed=False))
    after = json.loads((directory / "manifest.json").read_text())
    assert after["files"]["config.json"] != before["files"]["config.json"]
    assert after["parity"] == {**before["parity"], "passed": False}
    assert after["costs"] == before["costs"]


def test_refresh_blesses_only_what_was_written_anew(directory: Path) -> None:
    before = json.loads((directory / "manifest.json").read_text())
    (directory / "config.json").write_text('{"changed": true}')
    (directory / "student.onnx").write_bytes((directory / "student.onnx").read_bytes()[:-100])
    (directory / "notes.txt").write_text("somebody's")
    refresh_manifest(directory, ["config.json"])
    after = json.loads((directory / "manifest.json").read_text())
    assert changed_files(directory) == ["student.onnx"]
    assert after["files"]["student.onnx"] == before["files"]["student.onnx"]
    assert after["onnx"] == before["onnx"]
    assert list(after["files"]) == ["config.json", "student.onnx"]


def test_refresh_lays_entries_over_those_that_are_there(directory: Path) -> None:
    refresh_manifest(directory, latency={"fp32": 2.0}, accuracy={"test": 0.5})
    refresh_manifest(directory, latency={"int8": 1.0})
    refresh_manifest(directory, parity=CountRecord(macs=1, params=2, unsupported={}))
    after = json.loads((directory / "manifest.json").read_text())
    assert after["latency"] == {"fp32": 2.0, "int8": 1.0}
    assert after["accuracy"] == {"test": 0.5, "validation": 0.5}
    assert "passed" not in after["parity"]


def test_refresh_without_a_manifest(tmp_path: Path) -> None:
    assert refresh_manifest(tmp_path) is None


def test_a_changed_manifest_is_noticed(directory: Path) -> None:
    file = directory / "manifest.json"
    file.write_text(file.read_text().replace("0.97", "0.98"))
    with pytest.raises(UsageError, match="does not fit its checksum"):
        read_manifest(directory)


@pytest.mark.parametrize("text", ["", "[]", '{"schema": "other"}'])
def test_refresh_of_a_damaged_manifest(directory: Path, text: str) -> None:
    (directory / "manifest.json").write_text(text)
    with pytest.raises(UsageError, match="cannot be read"):
        refresh_manifest(directory)
